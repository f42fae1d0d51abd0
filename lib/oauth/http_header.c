#include <curl/curl.h>
#include <string.h>

#include "base/text.h"
#include "oauth/http.h"

static struct bytes trimmed(struct bytes v)
{
	while (v.n > 0 && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = bytes_skip(v, 1);
	while (v.n > 0 && strchr(" \t\r\n", v.p[v.n - 1]) != NULL && v.p[v.n - 1] != '\0')
		v.n--;
	return v;
}

static bool is_json(struct bytes v)
{
	const uint8_t *end = v.n > 0 ? memchr(v.p, ';', v.n) : NULL;

	if (end != NULL)
		v = trimmed(bytes_of(v.p, (size_t)(end - v.p)));
	if (text_eq_nocase(v, bytes_str("application/json")))
		return true;
	return v.n > 17 && text_eq_nocase(bytes_of(v.p, 12), bytes_str("application/")) &&
	       text_eq_nocase(bytes_of(v.p + v.n - 5, 5), bytes_str("+json"));
}

/* curl_getdate() reads a C string, and more forms than a server may send. */
static bool parse_date(struct bytes v, int64_t *ret)
{
	char text[64];
	time_t t;

	if (v.n == 0 || v.n >= sizeof(text) || memchr(v.p, '\0', v.n) != NULL)
		return false;
	memcpy(text, v.p, v.n);
	text[v.n] = '\0';
	t = curl_getdate(text, NULL);
	if (t <= 0)
		return false;
	*ret = t;
	return true;
}

static bool is_number(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return v.n > 0;
}

/* RFC 9110 10.2.3: seconds, be they ever so many, or a date. */
static int64_t retry_after(struct bytes v, int64_t now)
{
	uint64_t seconds;
	int64_t date;

	if (is_number(v))
		return !text_parse_u64(v, &seconds) || seconds > 86400 ? 86400 * 1000
								       : (int64_t)seconds * 1000;
	if (!parse_date(v, &date))
		return -1;
	if (date <= now)
		return 0;
	return date - now > 86400 ? 86400 * 1000 : (date - now) * 1000;
}

void http_header_line(struct http_answer *a, struct bytes line, int64_t now)
{
	const uint8_t *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;
	struct bytes name, value;
	int64_t date;

	/* Another answer begins: what a proxy said to CONNECT, or a 103, is not the issuer's. */
	if (bytes_starts(line, BYTES_LIT("HTTP/"))) {
		a->json = a->has_date = false;
		a->ahead = 0;
		a->retry_ms = -1;
		return;
	}
	if (colon == NULL)
		return;
	name = bytes_of(line.p, (size_t)(colon - line.p));
	value = trimmed(bytes_skip(line, name.n + 1));
	if (text_eq_nocase(name, bytes_str("content-type")))
		a->json = is_json(value);
	else if (text_eq_nocase(name, bytes_str("retry-after")))
		a->retry_ms = retry_after(value, now);
	else if (text_eq_nocase(name, bytes_str("date")) && parse_date(value, &date)) {
		a->has_date = true;
		a->ahead = now - date;
	}
}
