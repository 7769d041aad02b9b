/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/shell.h"
void api_request(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void api_container_exited(struct shell *s, const char *id) { (void)s; (void)id; }
void api_container_launched(struct shell *s, const char *id, const struct error *err) { (void)s; (void)id; (void)err; }
void api_free(struct shell *s) { (void)s; }
void endpoint_state(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void endpoint_containers(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void endpoint_statistics(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void endpoint_flags(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void endpoint_version(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void endpoint_system_stats(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void endpoint_logging(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void endpoint_metrics_snapshot(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void endpoint_metrics(struct shell *s, struct http_req *r) { (void)s; http_reply_text(r, 501, "later"); }
void endpoint_reply(struct http_req *r, struct sbuf *json) { http_reply_sbuf(r, 200, "application/json", json); }
int gauges_init(struct shell *s, struct error *err) { (void)s; (void)err; return 0; }
