#include "doctor.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "json.h"

static const char *const levels[] = {
	[DOCTOR_OK] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_PROBLEM] = "PROBLEM"
};

/* git and setup both want to be told where there is no repository. */
static char *cure_here(const struct doctor *d, const char *cure)
{
	static const char config[] = "git config ";

	if (d->outside && strncmp(cure, config, strlen(config)) == 0 &&
	    strncmp(cure + strlen(config), "--global", 8) != 0)
		return xasprintf("%s--global %s", config, cure + strlen(config));
	return xstrdup(cure);
}

void doctor_add(struct doctor *d, enum doctor_level level, const char *what, const char *text,
		const char *cure)
{
	d->v = xreallocarray(d->v, d->n + 1, sizeof(d->v[0]));
	d->v[d->n++] = (struct doctor_finding){ .level = level,
						.what = xstrdup(what),
						.text = xstrdup(text),
						.cure = cure != NULL ? cure_here(d, cure) : NULL };
}

void doctor_ok(struct doctor *d, const char *what, const char *text)
{
	doctor_add(d, DOCTOR_OK, what, text, NULL);
}

void doctor_note(struct doctor *d, const char *what, const char *text, const char *cure)
{
	doctor_add(d, DOCTOR_NOTE, what, text, cure);
}

void doctor_problem(struct doctor *d, const char *what, const char *text, const char *cure)
{
	doctor_add(d, DOCTOR_PROBLEM, what, text, cure);
}

size_t doctor_count(const struct doctor *d, enum doctor_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->v[i].level == level;
	return n;
}

static void print_json(const struct doctor *d, struct buf *out)
{
	buf_add_str(out, "{");
	json_put_number(out, "problems", (long long)doctor_count(d, DOCTOR_PROBLEM));
	json_put_number(out, "notes", (long long)doctor_count(d, DOCTOR_NOTE));
	json_put_name(out, "findings");
	buf_add_byte(out, '[');
	for (size_t i = 0; i < d->n; i++) {
		json_put_comma(out);
		buf_add_str(out, "\n{");
		json_put_text(out, "level",
			      d->v[i].level == DOCTOR_PROBLEM ? "problem" : levels[d->v[i].level]);
		json_put_text(out, "what", d->v[i].what);
		json_put_text(out, "text", d->v[i].text);
		json_put_text(out, "cure", d->v[i].cure);
		buf_add_byte(out, '}');
	}
	buf_add_str(out, "]}\n");
}

static void print_one(const struct doctor_finding *f, struct buf *out)
{
	const char *p = f->cure;

	buf_addf(out, "%-8s %-12s %s\n", levels[f->level], f->what, f->text);
	while (p != NULL && *p != '\0') { /* line by line */
		size_t n = 0;

		while (p[n] != '\0' && p[n] != '\n')
			n++;
		buf_addf(out, "%22s%.*s\n", "", (int)n, p);
		p += p[n] == '\n' ? n + 1 : n;
	}
}

void doctor_print(const struct doctor *d, bool json, struct buf *out)
{
	size_t problems = doctor_count(d, DOCTOR_PROBLEM), notes = doctor_count(d, DOCTOR_NOTE);

	if (json) {
		print_json(d, out);
		return;
	}
	for (size_t i = 0; i < d->n; i++)
		print_one(&d->v[i], out);
	buf_addf(out, "\n%zu problem%s, %zu note%s\n", problems, problems == 1 ? "" : "s", notes,
		 notes == 1 ? "" : "s");
}

void doctor_free(struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].what);
		free(d->v[i].text);
		free(d->v[i].cure);
	}
	free(d->v);
	d->v = NULL;
	d->n = 0;
}

const char *doctor_committer(const struct doctor *d)
{
	const char *email = getenv("GIT_COMMITTER_EMAIL");

	if (email == NULL)
		email = gitconf_get(&d->s->conf, "committer.email");
	return email != NULL ? email : gitconf_get(&d->s->conf, "user.email");
}
