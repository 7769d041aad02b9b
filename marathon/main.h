/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa marathon`: the service framework. docs/marathon.md. */
#ifndef STOA_MARATHON_MAIN_H
#define STOA_MARATHON_MAIN_H

#include <stddef.h>

int marathon_main(int argc, char **argv);

/* Files of the web interface, served under /ui/. path is relative ("index.html", "js/app.js"). Called before
 * marathon_main by whoever has them; the table must outlive it. Without, /ui/ says that there is none. */
struct marathon_ui_file {
    const char *path;
    const char *content_type;
    const unsigned char *data;
    size_t size;
};
void marathon_set_ui(const struct marathon_ui_file *files, size_t count);

#endif
