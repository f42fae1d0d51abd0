/* "Name <email> seconds +zone", as git fsck.c (fsck_ident) wants it. */
#include "base/text.h"
#include "object/object_internal.h"

/* The last second of the year 9999: what every reader of dates can show. */
#define WHEN_MAX 253402300799

static bool parse_zone(struct bytes v, int *ret)
{
	int d[4];

	if (v.n != 5 || (v.p[0] != '+' && v.p[0] != '-'))
		return false;
	for (size_t i = 0; i < 4; i++) {
		if (v.p[i + 1] < '0' || v.p[i + 1] > '9')
			return false;
		d[i] = v.p[i + 1] - '0';
	}
	*ret = (d[0] * 10 + d[1]) * 60 + d[2] * 10 + d[3];
	if (v.p[0] == '-')
		*ret = -*ret;
	return true;
}

bool object_parse_date(struct bytes v, int64_t *when, int *zone)
{
	const uint8_t *space = v.n ? memchr(v.p, ' ', v.n) : NULL;
	uint64_t seconds;
	size_t n;

	if (!space)
		return false;
	n = (size_t)(space - v.p);
	if (!text_parse_u64(bytes_of(v.p, n), &seconds) || seconds > WHEN_MAX)
		return false;
	if (!parse_zone(bytes_skip(v, n + 1), zone))
		return false;
	*when = (int64_t)seconds;
	return true;
}

/* Takes what stands before the next '<' or '>', which must be `end`, and that. */
static bool take_until(struct bytes *v, uint8_t end, struct bytes *ret)
{
	size_t n = 0;

	while (n < v->n && v->p[n] != '<' && v->p[n] != '>')
		n++;
	if (n == v->n || v->p[n] != end)
		return false;
	*ret = bytes_of(v->p, n);
	*v = bytes_skip(*v, n + 1);
	return true;
}

bool object_parse_ident(struct bytes v, struct object_ident *ret)
{
	struct object_ident id;

	if (!object_no_control(v) || !take_until(&v, '<', &id.name) ||
	    !take_until(&v, '>', &id.email))
		return false;
	/* The space before '<' is not of the name; without a name it stands all the same. */
	if (id.name.n == 0 || id.name.p[id.name.n - 1] != ' ' || v.n == 0 || v.p[0] != ' ')
		return false;
	id.name.n--;
	if (!object_parse_date(bytes_skip(v, 1), &id.when, &id.zone))
		return false;
	*ret = id;
	return true;
}
