/* Reading a policy file: its sections one by one, faults collected. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "policy/file_internal.h"

#define FAULTS_KEPT 64 /* more than fit into a struct err */
#define SHOWN_MAX 80   /* bytes of a value in a fault */

/* --- faults -------------------------------------------------------------------------- */

void policy_fault(struct policy_draft *d, unsigned line, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	if (d->faults_all++ >= FAULTS_KEPT)
		return;
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	d->faults = xreallocarray(d->faults, d->faults_n + 1, sizeof(*d->faults));
	d->faults[d->faults_n] = (struct policy_fault){ line, d->faults_n, buf_detach(&text) };
	d->faults_n++;
}

char *policy_shown(const char *value)
{
	struct buf out = BUF_INIT;
	size_t n = strlen(value);

	text_escape(&out, bytes_of(value, n < SHOWN_MAX ? n : SHOWN_MAX));
	if (n > SHOWN_MAX)
		buf_add_str(&out, "...");
	return buf_detach(&out);
}

static int by_line(const void *a, const void *b)
{
	const struct policy_fault *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* As many as have room; how many more there are is said. */
static int report(struct policy_draft *d, struct err *err)
{
	_cleanup_free_ char *path = text_escaped(bytes_str(d->path));
	struct buf out = BUF_INIT;
	size_t i;

	qsort(d->faults, d->faults_n, sizeof(*d->faults), by_line);
	for (i = 0; i < d->faults_n; i++) {
		_cleanup_free_ char *line = xasprintf("%s%s:%u: %s", i ? "\n" : "", path,
						      d->faults[i].line, d->faults[i].text);

		if (i > 0 && out.n + strlen(line) + 40 > ERR_TEXT_MAX)
			break;
		buf_add_str(&out, line);
	}
	if (i < d->faults_all)
		buf_addf(&out, "\nand %zu more faults", d->faults_all - i);
	err_set(err, ERR_CONFIG, "%s", buf_str(&out));
	buf_free(&out);
	return ERR_CONFIG;
}

/* --- keys and sections --------------------------------------------------------------- */

void policy_word_add(struct policy_words *w, const char *text, unsigned line)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 8;
		w->v = xreallocarray(w->v, w->cap, sizeof(*w->v));
	}
	w->v[w->n++] = (struct policy_word){ text, line };
}

bool policy_key_seen(const struct policy_draft *d, const char *name)
{
	for (size_t i = 0; d->keys[i].name; i++)
		if (strcmp(d->keys[i].name, name) == 0)
			return d->seen >> i & 1;
	return false;
}

static void unknown_key(struct policy_draft *d, const struct gitconf_entry *e)
{
	_cleanup_free_ char *shown = policy_shown(e->name);
	struct buf known = BUF_INIT;

	for (size_t i = 0; d->keys[i].name; i++)
		if (d->keys[i].kind != KEY_LATER)
			buf_addf(&known, "%s%s", i ? ", " : "", d->keys[i].name);
	policy_fault(d, e->line, "unknown key `%s' in [%s] (its keys: %s)", shown, d->section,
		     buf_str(&known));
	buf_free(&known);
}

static void read_key(struct policy_draft *d, const struct gitconf_entry *e)
{
	const struct policy_key *k = d->keys;
	uint64_t bit;

	while (k->name && !text_eq_nocase(bytes_str(k->name), bytes_str(e->name)))
		k++;
	bit = (uint64_t)1 << (k - d->keys);
	d->line = e->line;
	if (!k->name) {
		unknown_key(d, e);
	} else if (k->kind == KEY_LATER) {
		policy_fault(d, e->line, "`%s' is not supported by this version of gitsign-hsm",
			     k->name);
	} else if (k->kind == KEY_ONCE && (d->seen & bit)) {
		policy_fault(d, e->line, "`%s' stands twice in this section (keep one)", k->name);
	} else if (!e->value || !*e->value) {
		policy_fault(d, e->line, "`%s' has no value (write %s = ..., or remove the line)",
			     k->name, k->name);
	} else {
		k->set(d, e->value);
	}
	if (k->name)
		d->seen |= bit;
}

static void end_section(struct policy_draft *d, const struct policy_section *s)
{
	for (size_t i = 0; d->keys[i].name; i++)
		if (d->keys[i].required && !(d->seen >> i & 1))
			policy_fault(d, d->section_line,
				     "`%s' is missing in this [%s] section (add "
				     "%s = ...)",
				     d->keys[i].name, s->name, d->keys[i].name);
	if (s->end)
		s->end(d);
}

/* Names stand in tables, messages and other names: one printable word. */
static bool name_ok(const char *name)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(name));
	size_t n = strlen(name);

	return n > 0 && n <= POLICY_NAME_MAX && *name != '-' && strcmp(name, shown) == 0 &&
	       !name[strcspn(name, " :,\"'*")] && strcmp(name, "anyone") != 0;
}

/* NULL: a fault, and the section's keys are passed over. */
static const struct policy_section *section_of(struct policy_draft *d,
					       const struct gitconf_entry *e)
{
	const struct policy_section *s = policy_section_find(e->section);
	_cleanup_free_ char *shown = policy_shown(e->subsection ? e->subsection : e->section);

	if (strcmp(e->section, "include") == 0 || strcmp(e->section, "includeif") == 0)
		policy_fault(d, e->line,
			     "a policy includes no other files (write everything into "
			     "this one)");
	else if (!s)
		policy_fault(d, e->line,
			     "unknown section [%s] (sections: policy, trust, signer, "
			     "key, role, rule, revoked, algorithms, limits)",
			     e->subsection ? e->section : shown);
	else if (s->named && !e->subsection)
		policy_fault(d, e->line, "[%s] has no name (write [%s \"NAME\"])", s->name,
			     s->name);
	else if (!s->named && e->subsection)
		policy_fault(d, e->line, "[%s] takes no name (write [%s])", s->name, s->name);
	else if (s->named && !name_ok(e->subsection))
		policy_fault(d, e->line,
			     "\"%s\" is no name for a %s (write one word of at most %d "
			     "bytes, without : , * and quotes, and not \"anyone\")",
			     shown, s->name, POLICY_NAME_MAX);
	else
		return s;
	return NULL;
}

static bool same_section(const struct gitconf_entry *a, const struct gitconf_entry *b)
{
	if (strcmp(a->section, b->section) != 0 || !a->subsection != !b->subsection)
		return false;
	return !a->subsection || strcmp(a->subsection, b->subsection) == 0;
}

static int by_section(const void *a, const void *b)
{
	const struct gitconf_entry *x = *(const struct gitconf_entry *const *)a;
	const struct gitconf_entry *y = *(const struct gitconf_entry *const *)b;
	int c = strcmp(x->section, y->section);

	if (c == 0)
		c = strcmp(x->subsection ? x->subsection : "", y->subsection ? y->subsection : "");
	return c ? c : (x > y) - (x < y);
}

/* For each entry that is a header: the earlier header of the same section, or NULL. */
static const struct gitconf_entry **find_repeated(const struct gitconf *c)
{
	const struct gitconf_entry **heads =
		xcalloc(c->n + 1, sizeof(const struct gitconf_entry *));
	const struct gitconf_entry **ret = xcalloc(c->n + 1, sizeof(const struct gitconf_entry *));
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].name)
			heads[n++] = &c->v[i];
	qsort(heads, n, sizeof(const struct gitconf_entry *), by_section);
	for (size_t i = 1; i < n; i++)
		if (same_section(heads[i - 1], heads[i]))
			ret[heads[i] - c->v] = heads[i - 1];
	free(heads);
	return ret;
}

static void read_sections(struct policy_draft *d)
{
	const struct gitconf_entry **repeated = find_repeated(&d->conf);
	const struct policy_section *s = NULL;

	for (size_t i = 0; i < d->conf.n; i++) {
		const struct gitconf_entry *e = &d->conf.v[i];

		if (e->name && s)
			read_key(d, e);
		if (e->name)
			continue;
		if (s)
			end_section(d, s);
		s = section_of(d, e);
		if (s && repeated[i]) {
			policy_fault(d, e->line,
				     "this section stands already at line %u (make one "
				     "of both)",
				     repeated[i]->line);
			s = NULL;
		}
		if (!s)
			continue;
		d->section = s->name;
		d->section_line = e->line;
		d->keys = s->keys;
		d->seen = 0;
		if (s->begin)
			s->begin(d, e->subsection);
	}
	if (s)
		end_section(d, s);
	free(repeated);
}

/* Before all else: what a later version calls right must not be called a fault. */
static bool is_newer(struct policy_draft *d)
{
	bool found = false;

	for (size_t i = 0; i < d->conf.n; i++) {
		const struct gitconf_entry *e = &d->conf.v[i];
		uint64_t x;

		if (strcmp(e->section, "policy") != 0)
			continue;
		found = true;
		if (!e->name || strcmp(e->name, "version") != 0 || !e->value ||
		    !text_parse_u64(bytes_str(e->value), &x) || x <= POLICY_VERSION)
			continue;
		policy_fault(d, e->line,
			     "this file is of version %llu, this program knows %d: "
			     "upgrade gitsign-hsm on this machine",
			     (unsigned long long)x, POLICY_VERSION);
		return true;
	}
	if (!found)
		policy_fault(d, 1, "there is no [policy] section (add [policy] with version = %d)",
			     POLICY_VERSION);
	return false;
}

/* --- the whole ----------------------------------------------------------------------- */

static void draft_free(struct policy_draft *d)
{
	for (size_t i = 0; i < d->anchors_n; i++) {
		free(d->anchors[i].roots);
		buf_free(&d->anchors[i].pem);
		for (size_t k = 0; k < d->anchors[i].crls_n; k++) {
			free(d->anchors[i].crls[k].path);
			buf_free(&d->anchors[i].crls[k].text);
		}
		free(d->anchors[i].crls);
	}
	for (size_t i = 0; i < d->roles_n; i++) {
		free(d->roles[i].words.v);
		free(d->roles[i].signers);
	}
	for (size_t i = 0; d->rule_words && i < d->p->rules_n; i++) {
		free(d->rule_words[i].v);
		free(d->accept_words[i].v);
		free(d->pusher_words[i].v);
	}
	for (size_t i = 0; i < d->claims_n; i++)
		free(d->claims[i].text);
	for (size_t i = 0; i < d->faults_n; i++)
		free(d->faults[i].text);
	free(d->anchors);
	free(d->roles);
	free(d->rule_words);
	free(d->accept_words);
	free(d->pusher_words);
	free(d->trust_words.v);
	free(d->key_signers);
	free(d->claims);
	free(d->faults);
	gitconf_free(&d->conf);
}

static struct policy *policy_new(const char *path)
{
	struct policy *p = xcalloc(1, sizeof(*p));

	p->path = xstrdup(path);
	trust_limits_default(&p->limits);
	p->object_size = (uint64_t)1 << 20;
	p->time = POLICY_TIME;
	p->refs = POLICY_REFS;
	return p;
}

/* The parser says "path, line N: what"; here every fault is "path:N: what". */
static void syntax_fault(struct policy_draft *d, const struct err *err)
{
	_cleanup_free_ char *head = text_escaped(bytes_str(d->path));
	size_t n = strlen(head);
	char *end;

	if (strncmp(err->text, head, n) == 0 && strncmp(err->text + n, ", line ", 7) == 0) {
		unsigned long line = strtoul(err->text + n + 7, &end, 10);

		policy_fault(d, (unsigned)line, "%s", end + strspn(end, ": "));
	} else {
		policy_fault(d, 1, "%s", err->text);
	}
}

static int build(struct policy_draft *d, struct bytes text, struct err *err)
{
	struct err syntax = ERR_INIT;

	if (gitconf_parse(&d->conf, text, d->path, &syntax)) {
		syntax_fault(d, &syntax);
		return report(d, err);
	}
	if (is_newer(d))
		return report(d, err);
	read_sections(d);
	policy_read_files(d);
	policy_check_whole(d);
	policy_load_trust(d);
	if (d->faults_all > 0)
		return report(d, err);
	if (!policy_digest(d, text))
		return err_set(err, ERR_INTERNAL, "cannot make a SHA-256 digest");
	return 0;
}

int policy_parse(struct bytes text, const char *path, policy_reader *read, void *ctx,
		 struct policy **ret, struct err *err)
{
	struct policy_draft d = { .p = policy_new(path), .path = path, .read = read, .ctx = ctx };
	int rc = build(&d, text, err);

	draft_free(&d);
	if (rc)
		policy_free(d.p);
	else
		*ret = d.p;
	return rc;
}

/* What others can change, they rule by. */
static int read_trusted(void *ctx, const char *path, size_t max, struct buf *out, struct err *err)
{
	int rc = os_path_trusted(path, geteuid(), err);

	(void)ctx;
	return rc ? rc : os_file_read(path, OS_FILE_TRUSTED, max, out, err);
}

static int read_any(void *ctx, const char *path, size_t max, struct buf *out, struct err *err)
{
	(void)ctx;
	return os_file_read(path, OS_FILE_ANY, max, out, err);
}

static int load(const char *path, policy_reader *read, struct policy **ret, struct err *err)
{
	struct buf text = BUF_INIT;
	int rc = read(NULL, path, POLICY_TEXT_MAX, &text, err);

	if (rc && rc != ERR_IO) { /* too large is a fault of the file */
		rc = ERR_CONFIG;
		if (err)
			err->code = ERR_CONFIG;
	}
	if (!rc)
		rc = policy_parse(buf_bytes(&text), path, read, NULL, ret, err);
	buf_free(&text);
	return rc;
}

int policy_load(const char *path, struct policy **ret, struct err *err)
{
	return load(path, read_trusted, ret, err);
}

int policy_load_draft(const char *path, struct policy **ret, struct err *err)
{
	return load(path, read_any, ret, err);
}

static void names_free(struct policy_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->signers_n; i++) {
		free(p->signers[i].name);
		names_free(&p->signers[i].emails);
		names_free(&p->signers[i].trusts);
		free(p->signers[i].certs);
		free(p->signers[i].spkis);
	}
	for (size_t i = 0; i < p->rules_n; i++) {
		free(p->rules[i].name);
		names_free(&p->rules[i].refs);
		free(p->rules[i].signers);
		free(p->rules[i].pushers);
		free(p->rules[i].accepts);
		free(p->rules[i].trusts);
		free(p->rules[i].push_trusts);
	}
	for (size_t i = 0; i < p->trusts_n; i++) {
		free(p->trusts[i].name);
		free(p->trusts[i].email_domain);
	}
	free(p->trusts);
	for (size_t i = 0; i < p->keys_n; i++) {
		free(p->keys[i].name);
		names_free(&p->keys[i].trusts);
		free(p->keys[i].certs);
		free(p->keys[i].spkis);
	}
	for (size_t i = 0; i < p->revoked_n; i++) {
		free(p->revoked[i].name);
		free(p->revoked[i].reason);
		free(p->revoked[i].certs);
		free(p->revoked[i].spkis);
	}
	free(p->keys);
	free(p->revoked);
	trust_free(p->trust);
	free(p->signers);
	free(p->rules);
	free(p->path);
	free(p);
}
