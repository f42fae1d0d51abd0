/* http.* of git's configuration, applied to a request. */
#ifndef GH_OAUTH_HTTP_INTERNAL_H
#define GH_OAUTH_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "oauth/http.h"

/*
 * http.<name>, the value of the most exact http.<url>.<name> that covers `url` first;
 * NULL: not set. As git's urlmatch, without its wildcards.
 */
const char *http_setting(const struct gitconf *conf, const char *url, const char *name);

/* Proxy, authorities, pinned key. ERR_CONFIG for verification that is switched off. */
int http_apply(CURL *c, const struct gitconf *conf, const char *url, struct err *err);

#endif
