/* SPDX-License-Identifier: Apache-2.0 */
/* The assembler takes the files in as they are (.incbin); make/programs.mk makes the object depend on them. */
#include "webui/webui.h"

#define EMBED(sym, path)                                                                              \
    __asm__(".section .rodata\n.hidden " #sym "\n.hidden " #sym "_end\n.global " #sym "\n.global " #sym "_end\n" \
            #sym ":\n.incbin \"" path "\"\n" #sym "_end:\n.byte 0\n.previous\n");                      \
    extern const char sym[], sym##_end[]

EMBED(webui_style_css, "webui/shared/style.css");
EMBED(webui_favicon, "webui/shared/favicon.ico");
EMBED(webui_dom_js, "webui/shared/dom.js");
EMBED(webui_marathon_html, "webui/marathon/index.html");
EMBED(webui_marathon_js, "webui/marathon/app.js");
EMBED(webui_marathon_state_js, "webui/marathon/state.js");
EMBED(webui_marathon_list_js, "webui/marathon/list.js");
EMBED(webui_marathon_detail_js, "webui/marathon/detail.js");
EMBED(webui_marathon_form_js, "webui/marathon/form.js");
EMBED(webui_marathon_pages_js, "webui/marathon/pages.js");
EMBED(webui_marathon_jobs_js, "webui/marathon/jobs.js");
EMBED(webui_master_html, "webui/master/index.html");
EMBED(webui_master_files_js, "webui/master/files.js");
EMBED(webui_master_js, "webui/master/cluster.js");

static const char html[] = "text/html; charset=utf-8", js[] = "text/javascript; charset=utf-8",
                  css[] = "text/css; charset=utf-8";

enum { SITE_MARATHON = 1 << WEBUI_MARATHON, SITE_MASTER = 1 << WEBUI_MASTER };

static const struct {
    unsigned sites;
    const char *name, *begin, *end, *content_type;
} files[] = {
    { SITE_MARATHON, "index.html", webui_marathon_html, webui_marathon_html_end, html },
    { SITE_MARATHON, "app.js", webui_marathon_js, webui_marathon_js_end, js },
    { SITE_MARATHON, "state.js", webui_marathon_state_js, webui_marathon_state_js_end, js },
    { SITE_MARATHON, "list.js", webui_marathon_list_js, webui_marathon_list_js_end, js },
    { SITE_MARATHON, "detail.js", webui_marathon_detail_js, webui_marathon_detail_js_end, js },
    { SITE_MARATHON, "form.js", webui_marathon_form_js, webui_marathon_form_js_end, js },
    { SITE_MARATHON, "pages.js", webui_marathon_pages_js, webui_marathon_pages_js_end, js },
    { SITE_MARATHON, "jobs.js", webui_marathon_jobs_js, webui_marathon_jobs_js_end, js },
    { SITE_MASTER, "index.html", webui_master_html, webui_master_html_end, html },
    { SITE_MASTER, "files.js", webui_master_files_js, webui_master_files_js_end, js },
    { SITE_MASTER, "cluster.js", webui_master_js, webui_master_js_end, js },
    { SITE_MARATHON | SITE_MASTER, "style.css", webui_style_css, webui_style_css_end, css },
    { SITE_MARATHON | SITE_MASTER, "favicon.ico", webui_favicon, webui_favicon_end, "image/x-icon" },
    { SITE_MARATHON | SITE_MASTER, "dom.js", webui_dom_js, webui_dom_js_end, js },
};

bool webui_find(enum webui_site site, struct str name, struct webui_file *ret)
{
    if (name.n == 0)
        name = STR("index.html");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if ((files[i].sites & 1u << site) == 0 || !str_is(name, files[i].name))
            continue;
        ret->content = str_mem(files[i].begin, (size_t)(files[i].end - files[i].begin));
        ret->content_type = files[i].content_type;
        return true;
    }
    return false;
}
