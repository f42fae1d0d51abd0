#include <stdlib.h>
#include <string.h>

#include "base/gitconf_internal.h"
#include "base/mem.h"
#include "base/text.h"

/* Each entry has a copy of its section: a long name over many short keys must
 * not make much memory out of little text. */
#define KEPT_MAX ((size_t)64 << 20)

/* --- the table ---------------------------------------------------------- */

static void entry_free(struct gitconf_entry *e)
{
	free(e->section);
	free(e->subsection);
	free(e->name);
	free(e->value);
}

/* Drops what was added after `n` entries and `nfiles` sources. */
static void gitconf_truncate(struct gitconf *c, size_t n, size_t nfiles)
{
	while (c->n > n)
		entry_free(&c->v[--c->n]);
	while (c->nfiles > nfiles)
		free(c->files[--c->nfiles]);
}

void gitconf_free(struct gitconf *c)
{
	gitconf_truncate(c, 0, 0);
	free(c->v);
	free(c->files);
	*c = (struct gitconf)GITCONF_INIT;
}

unsigned gitconf_source(struct gitconf *c, const char *name)
{
	c->files = xreallocarray(c->files, c->nfiles + 1, sizeof(*c->files));
	c->files[c->nfiles] = xstrdup(name);
	return (unsigned)c->nfiles++;
}

static const uint8_t *last_dot(struct bytes v)
{
	return v.n ? memrchr(v.p, '.', v.n) : NULL;
}

static char *copy(const uint8_t *from, const uint8_t *to)
{
	return xstrndup((const char *)from, (size_t)(to - from));
}

static char *copy_lower(const uint8_t *from, const uint8_t *to)
{
	char *s = copy(from, to);

	for (char *p = s; *p; p++)
		*p = text_lower(*p);
	return s;
}

/* A section ends at the first dot, the name starts behind the last one. */
bool gitconf_add(struct gitconf *c, struct bytes key, bool header, const char *value,
		 struct gitconf_place at)
{
	const uint8_t *end = key.p + key.n;
	const uint8_t *first = key.n ? memchr(key.p, '.', key.n) : NULL;
	const uint8_t *last = header ? end : last_dot(key);
	struct gitconf_entry e = { .line = at.line, .file = at.file };

	if (c->n >= GITCONF_ENTRIES_MAX || !last)
		return false;
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 64;
		c->v = xreallocarray(c->v, c->cap, sizeof(*c->v));
	}
	e.section = copy_lower(key.p, first ? first : end);
	if (first && first < last)
		e.subsection = copy(first + 1, last);
	if (!header)
		e.name = copy_lower(last + 1, end);
	if (value)
		e.value = xstrdup(value);
	c->v[c->n++] = e;
	return true;
}

/* --- the text ----------------------------------------------------------- */

bool gitconf_space(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool gitconf_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool gitconf_name_char(int c)
{
	return gitconf_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

/* The functions below follow git config.c (get_next_char, parse_value,
 * get_value, get_base_var, git_parse_source) name by name. */
struct parser {
	struct gitconf *c;
	struct bytes text;
	size_t at;
	bool eof;
	unsigned line;              /* of the next character */
	struct gitconf_place start; /* of the header or key being read */
	struct buf key;             /* "section.subsection.name" */
	size_t base;                /* length of what precedes the name; 0: no section yet */
	struct buf value;
	size_t kept;
	const char *fault;
};

/* The end of the text reads as line feeds without end. */
static int next(struct parser *p)
{
	int c;

	if (p->at >= p->text.n) {
		p->eof = true;
		return '\n';
	}
	c = p->text.p[p->at++];
	if (c == '\r' && p->at < p->text.n && p->text.p[p->at] == '\n') {
		p->at++;
		c = '\n';
	}
	if (c == '\n')
		p->line++;
	return c;
}

static bool fault(struct parser *p, const char *what)
{
	p->fault = what;
	return false;
}

static bool keep(struct parser *p, bool header, const char *value)
{
	p->kept += p->key.n + (value ? strlen(value) : 0);
	if (p->kept > KEPT_MAX)
		return fault(p, "too long section names over too many keys");
	if (!gitconf_add(p->c, buf_bytes(&p->key), header, value, p->start))
		return fault(p, "more than 100,000 entries");
	return true;
}

static void key_char(struct parser *p, int c)
{
	buf_add_byte(&p->key, (uint8_t)text_lower((char)c));
}

/* Behind the backslash; '\n' for a continued line, -1 for no escape of git's. */
static int escape(struct parser *p, bool *continued)
{
	int c = next(p);

	*continued = c == '\n';
	switch (c) {
	case '\n':
	case '\\':
	case '"':
		return c;
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'n':
		return '\n';
	default:
		return -1;
	}
}

static bool value_escape(struct parser *p)
{
	bool continued;
	int c = escape(p, &continued);

	if (c < 0)
		return fault(p, "a backslash in a value must stand before n, t, b, \\, \" or the "
				"end of the line");
	if (!continued)
		buf_add_byte(&p->value, (uint8_t)c);
	return true;
}

/* White space inside a value becomes as many blanks, at its end nothing. */
static bool read_value(struct parser *p)
{
	bool quote = false, comment = false;
	size_t space = 0;

	buf_clear(&p->value);
	for (;;) {
		int c = next(p);

		if (c == '\n')
			return !quote || fault(p, "a quoted value has no end on its line");
		if (comment)
			continue;
		if (!quote && gitconf_space(c)) {
			space += p->value.n > 0;
			continue;
		}
		if (!quote && (c == ';' || c == '#')) {
			comment = true;
			continue;
		}
		for (; space > 0; space--)
			buf_add_byte(&p->value, ' ');
		if (c == '"')
			quote = !quote;
		else if (c != '\\')
			buf_add_byte(&p->value, (uint8_t)c);
		else if (!value_escape(p))
			return false;
	}
}

static bool read_entry(struct parser *p, int c)
{
	if (!gitconf_letter(c))
		return fault(p, "neither a [section], nor a key, nor a comment");
	if (p->base == 0)
		return fault(p, "a key stands before the first [section]");
	p->key.n = p->base;
	for (; gitconf_name_char(c); c = next(p))
		key_char(p, c);
	while (c == ' ' || c == '\t')
		c = next(p);
	if (c == '\n')
		return keep(p, false, NULL);
	if (c != '=')
		return fault(p, "\"=\" is missing behind a key, or the key has another character "
				"than letters, digits and \"-\"");
	return read_value(p) && keep(p, false, buf_str(&p->value));
}

static bool read_subsection(struct parser *p, int c)
{
	while (c != '\n' && gitconf_space(c))
		c = next(p);
	if (c != '"')
		return fault(p, "a section is written [name] or [name \"subsection\"]");
	buf_add_byte(&p->key, '.');
	for (;;) {
		c = next(p);
		if (c == '"')
			break;
		if (c == '\\')
			c = next(p); /* whatever it is, it stands for itself */
		if (c == '\n')
			return fault(p, "a subsection has no closing quote on its line");
		buf_add_byte(&p->key, (uint8_t)c);
	}
	return next(p) == ']' || fault(p, "\"]\" is missing behind a subsection");
}

static bool read_header_name(struct parser *p)
{
	for (;;) {
		int c = next(p);

		if (c == ']' && !p->eof)
			return true;
		if (p->eof)
			return fault(p, "a section header has no \"]\"");
		if (gitconf_space(c))
			return read_subsection(p, c);
		if (!gitconf_name_char(c) && c != '.')
			return fault(p, "a section name has another character than letters, "
					"digits, \"-\" and \".\"");
		key_char(p, c);
	}
}

static bool read_header(struct parser *p)
{
	buf_clear(&p->key);
	p->base = 0;
	if (!read_header_name(p))
		return false;
	if (p->key.n == 0)
		return fault(p, "a section has no name");
	if (!keep(p, true, NULL))
		return false;
	buf_add_byte(&p->key, '.');
	p->base = p->key.n;
	return true;
}

static bool read_text(struct parser *p)
{
	bool comment = false;

	if (bytes_starts(p->text, BYTES_LIT("\xef\xbb\xbf")))
		p->at = 3;
	for (;;) {
		int c;

		p->start.line = p->line;
		c = next(p);
		if (p->eof)
			return true;
		if (c == '\n')
			comment = false;
		if (comment || gitconf_space(c))
			continue;
		if (c == '#' || c == ';')
			comment = true;
		else if (c == '[' ? !read_header(p) : !read_entry(p, c))
			return false;
	}
}

/* A NUL would end a C string early, and hide what follows from some readers. */
static bool check_text(struct parser *p)
{
	const uint8_t *nul = p->text.n ? memchr(p->text.p, 0, p->text.n) : NULL;

	if (p->text.n > GITCONF_TEXT_MAX)
		return fault(p, "the file is larger than 4 MiB");
	if (!nul)
		return true;
	for (const uint8_t *q = p->text.p; q < nul; q++)
		p->start.line += *q == '\n';
	return fault(p, "a NUL byte");
}

int gitconf_parse(struct gitconf *c, struct bytes text, const char *file, struct err *err)
{
	struct parser p = { .c = c, .text = text, .line = 1, .start.line = 1 };
	size_t n = c->n, nfiles = c->nfiles;
	int rc = 0;

	p.start.file = gitconf_source(c, file);
	if (!check_text(&p) || !read_text(&p)) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(file));

		gitconf_truncate(c, n, nfiles);
		rc = err_set(err, ERR_CONFIG, "%s, line %u: %s", shown, p.start.line, p.fault);
	}
	buf_free(&p.key);
	buf_free(&p.value);
	return rc;
}

/* --- questions ---------------------------------------------------------- */

struct wanted {
	struct bytes section, subsection, name;
	bool has_subsection;
};

static bool wanted_of(const char *key, struct wanted *w)
{
	const char *first = strchr(key, '.'), *last = strrchr(key, '.');

	if (!first)
		return false;
	w->section = bytes_of(key, (size_t)(first - key));
	w->name = bytes_str(last + 1);
	w->has_subsection = first != last;
	w->subsection =
		w->has_subsection ? bytes_of(first + 1, (size_t)(last - first - 1)) : BYTES_NONE;
	return true;
}

static bool is_wanted(const struct gitconf_entry *e, const struct wanted *w)
{
	if (!e->name || w->has_subsection != (e->subsection != NULL))
		return false;
	return text_eq_nocase(bytes_str(e->section), w->section) &&
	       text_eq_nocase(bytes_str(e->name), w->name) &&
	       (!e->subsection || bytes_eq(bytes_str(e->subsection), w->subsection));
}

static const struct gitconf_entry *find_last(const struct gitconf *c, const char *key)
{
	struct wanted w;

	if (!wanted_of(key, &w))
		return NULL;
	for (size_t i = c->n; i > 0; i--)
		if (is_wanted(&c->v[i - 1], &w))
			return &c->v[i - 1];
	return NULL;
}

const char *gitconf_get(const struct gitconf *c, const char *key)
{
	const struct gitconf_entry *e = find_last(c, key);

	if (!e)
		return NULL;
	return e->value ? e->value : "";
}

int gitconf_each(const struct gitconf *c, const char *key, int (*fn)(const char *value, void *ctx),
		 void *ctx)
{
	struct wanted w;
	int rc = 0;

	if (!wanted_of(key, &w))
		return 0;
	for (size_t i = 0; i < c->n && rc == 0; i++)
		if (is_wanted(&c->v[i], &w))
			rc = fn(c->v[i].value ? c->v[i].value : "", ctx);
	return rc;
}

int gitconf_truth(const char *value)
{
	static const char *const words[2][3] = { { "false", "no", "off" },
						 { "true", "yes", "on" } };
	uint64_t x;

	if (!value || value[0] == '\0')
		return !value;
	for (int truth = 0; truth < 2; truth++)
		for (size_t i = 0; i < 3; i++)
			if (text_eq_nocase(bytes_str(value), bytes_str(words[truth][i])))
				return truth;
	return gitconf_parse_size(value, &x) ? x != 0 : -1;
}

int gitconf_bool(const struct gitconf *c, const char *key, bool fallback, bool *ret,
		 struct err *err)
{
	const struct gitconf_entry *e = find_last(c, key);
	int truth = e ? gitconf_truth(e->value) : fallback;

	if (truth < 0) {
		_cleanup_free_ char *shown = text_escaped(bytes_str(e->value));

		return err_set(err, ERR_CONFIG, "%s is \"%s\": it must be true or false", key,
			       shown);
	}
	*ret = truth > 0;
	return 0;
}

bool gitconf_parse_size(const char *value, uint64_t *ret)
{
	struct bytes v = value ? bytes_str(value) : BYTES_NONE;
	unsigned shift = 0;
	uint64_t x;

	if (v.n > 0) {
		char unit = text_lower((char)v.p[v.n - 1]);

		shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
	}
	v.n -= shift > 0;
	if (!text_parse_u64(v, &x) || x > UINT64_MAX >> shift)
		return false;
	*ret = x << shift;
	return true;
}
