#include "oauth/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/os.h"
#include "base/text.h"
#include "cred/url.h"
#include "oauth/http_internal.h"

#define CONNECT_MAX_MS 20000 /* name, connection, TLS: of one attempt */
#define HEADERS_MAX 65536    /* of all header lines; libcurl bounds each at 100 kB */

struct http {
	CURL *curl;
	const struct gitconf *conf;
	struct http_tls tls;
};

/* What the callbacks of one request share. */
struct transfer {
	struct http_answer answer;
	size_t max, headers;
	bool too_large;
};

/* lib/vtls/keylog.c: looked up once, by the first curl_global_init() of the process. */
void http_start(void)
{
	(void)unsetenv("SSLKEYLOGFILE");
}

int http_new(const struct gitconf *conf, const struct http_tls *tls, struct http **ret,
	     struct err *err)
{
	struct http *h;
	CURL *c;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (c = curl_easy_init()) == NULL)
		return err_set(err, ERR_INTERNAL, "libcurl does not start");
	h = xcalloc(1, sizeof(*h));
	h->curl = c;
	h->conf = conf;
	if (tls != NULL)
		h->tls = *tls;
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->curl);
	free(h);
}

void http_answer_free(struct http_answer *a)
{
	secret_free(&a->body);
	*a = (struct http_answer){ .retry_ms = -1 };
}

/* --- what is read -------------------------------------------------------------- */

static size_t take_body(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	n *= size;
	if (n > t->max - t->answer.body.n) {
		t->too_large = true;
		return 0;
	}
	secret_add(&t->answer.body, p, n);
	return n;
}

static size_t take_header(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	n *= size;
	t->headers += n;
	if (t->headers > HEADERS_MAX) {
		t->too_large = true;
		return 0;
	}
	http_header_line(&t->answer, bytes_of(p, n), os_now());
	return n;
}

/* --- what is sent -------------------------------------------------------------- */

static CURLcode ssl_ctx(CURL *c, void *ctx, void *user)
{
	struct http *h = user;

	(void)c;
	return h->tls.use(h->tls.ctx, ctx) == 0 ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

static void add_header(struct curl_slist **list, const char *name, struct bytes value)
{
	struct secret line = SECRET_NONE;

	secret_add_str(&line, name);
	secret_add(&line, value.p, value.n);
	*list = curl_slist_append(*list, line.p);
	secret_free(&line);
}

static struct curl_slist *headers_of(const struct http_request *rq)
{
	struct curl_slist *list = NULL;
	const char *accept = rq->accept != NULL ? rq->accept : "application/json";

	add_header(&list, "Accept: ", bytes_str(accept));
	add_header(&list, "Expect:", BYTES_NONE); /* no round trip before the body */
	if (rq->content_type != NULL)
		add_header(&list, "Content-Type: ", bytes_str(rq->content_type));
	if (rq->bearer.n > 0)
		add_header(&list, "Authorization: Bearer ", rq->bearer);
	return list;
}

static void wipe_headers(struct curl_slist *list)
{
	for (struct curl_slist *i = list; i != NULL; i = i->next)
		mem_wipe(i->data, strlen(i->data));
	curl_slist_free_all(list);
}

/* True when all were taken. */
static bool set_request(CURL *c, const struct http_request *rq, struct curl_slist *headers)
{
	bool ok = curl_easy_setopt(c, CURLOPT_URL, rq->url) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) == CURLE_OK;

	/* On a connection that was used before libcurl sends a request twice when it breaks: a
	 * refresh token that comes twice costs the whole grant. */
	if (strcmp(rq->method, "GET") != 0)
		ok = ok && curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
	if (strcmp(rq->method, "POST") == 0)
		return ok && curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
		       curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)rq->body.n) == CURLE_OK &&
		       curl_easy_setopt(c, CURLOPT_POSTFIELDS,
					rq->body.n > 0 ? (const char *)rq->body.p : "") == CURLE_OK;
	if (strcmp(rq->method, "GET") != 0)
		return ok && curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, rq->method) == CURLE_OK;
	return ok;
}

/*
 * The time counts for names, too: their thread is not waited for beyond it (QUICK_EXIT), as
 * getaddrinfo() cannot be interrupted and may take a minute. It ends with the process.
 */
static bool set_limits(CURL *c, int64_t left_ms)
{
	long connect = left_ms < CONNECT_MAX_MS ? (long)left_ms : CONNECT_MAX_MS;

	return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)left_ms) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, connect) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT, "gitsign-hsm/" GH_VERSION) == CURLE_OK;
}

static bool set_callbacks(struct http *h, struct transfer *t)
{
	CURL *c = h->curl;

	if (h->tls.use != NULL &&
	    (curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, ssl_ctx) != CURLE_OK ||
	     curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, h) != CURLE_OK))
		return false;
	return curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERDATA, t) == CURLE_OK;
}

/* --- what became of it ----------------------------------------------------------- */

static int failed(const struct transfer *t, CURLcode r, const char *where, const char *detail,
		  struct err *err)
{
	_cleanup_free_ char *why =
		text_escaped(bytes_str(detail[0] != '\0' ? detail : curl_easy_strerror(r)));

	if (t->too_large)
		return err_set(err, ERR_INPUT, "%s: the answer is longer than %zu bytes", where,
			       t->max);
	if (r == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, ERR_IO, "%s does not answer in time (%s)", where, why);
	if (r == CURLE_PEER_FAILED_VERIFICATION || r == CURLE_SSL_CACERT_BADFILE)
		return err_set(err, ERR_IO,
			       "%s: %s. Is its authority known (http.sslCAInfo), and the clock "
			       "right?",
			       where, why);
	return err_set(err, ERR_IO, "%s: %s", where, why);
}

static int perform(struct http *h, const struct http_request *rq, struct transfer *t,
		   struct curl_slist *headers, const char *where, struct err *err)
{
	char detail[CURL_ERROR_SIZE] = "";
	int64_t left = rq->deadline_ms - os_monotonic_ms();
	CURLcode code;
	long status = 0;
	int r;

	if (left <= 0)
		return err_set(err, ERR_IO, "%s: the time is up", where);
	curl_easy_reset(h->curl);
	r = http_apply(h->curl, h->conf, rq->url, err);
	if (r != 0)
		return r;
	if (!set_request(h->curl, rq, headers) || !set_limits(h->curl, left) ||
	    !set_callbacks(h, t) ||
	    curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, detail) != CURLE_OK)
		return err_set(err, ERR_INTERNAL, "libcurl lacks what is needed");
	code = curl_easy_perform(h->curl);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, NULL);
	if (code != CURLE_OK)
		return failed(t, code, where, detail, err);
	t->answer.status = (int)status;
	if (status >= 300 && status < 400)
		return err_set(err, ERR_INPUT,
			       "%s wants to send us elsewhere (HTTP %ld): redirections are not "
			       "followed here. Correct the URL in the configuration",
			       where, status);
	return 0;
}

int http_do(struct http *h, const struct http_request *rq, struct http_answer *ret, struct err *err)
{
	struct transfer t = { .answer = { .retry_ms = -1 },
			      .max = rq->body_max != 0 ? rq->body_max : HTTP_BODY_MAX };
	_cleanup_free_ char *where = text_escaped(bytes_of(rq->url, strcspn(rq->url, "?")));
	struct curl_slist *headers;
	int r;

	if (!cred_endpoint_ok(rq->url))
		return err_set(err, ERR_INPUT, "%s is no https:// URL to send secrets to", where);
	headers = headers_of(rq);
	r = perform(h, rq, &t, headers, where, err);
	wipe_headers(headers);
	if (r != 0) {
		http_answer_free(&t.answer);
		return r;
	}
	*ret = t.answer;
	return 0;
}

bool http_wait_retry(const struct http_answer *a, int64_t deadline_ms)
{
	int64_t ms = a->retry_ms < 0 ? 1000 : a->retry_ms;
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	if ((a->status != 429 && a->status != 503) || ms > HTTP_WAIT_MAX_MS ||
	    os_monotonic_ms() + ms >= deadline_ms)
		return false;
	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
	return true;
}

/* --- forms ------------------------------------------------------------------------ */

static bool unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~", c) != NULL);
}

static void add_encoded(struct secret *out, const char *v)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *v != '\0'; v++) {
		char hex[3] = { '%', digits[(uint8_t)*v >> 4], digits[(uint8_t)*v & 15] };

		if (unreserved(*v))
			secret_add(out, v, 1);
		else
			secret_add(out, hex, 3);
	}
}

void http_form_add(struct secret *form, const char *key, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	if (form->n > 0)
		secret_add(form, "&", 1);
	add_encoded(form, key);
	secret_add(form, "=", 1);
	add_encoded(form, value);
}

void http_query_add(struct buf *url, const char *key, const char *value)
{
	struct secret pair = SECRET_NONE;

	http_form_add(&pair, key, value);
	if (pair.n == 0)
		return;
	buf_add_byte(url, strchr(buf_str(url), '?') != NULL ? '&' : '?');
	buf_add(url, pair.p, pair.n);
	secret_free(&pair);
}
