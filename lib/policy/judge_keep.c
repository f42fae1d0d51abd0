/* What is kept of the findings of commits: as many as are listed. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/judge_internal.h"

struct judge_kind {
	struct judge_finding *first; /* stands in the fate of its commit */
	enum judge_mend mend;
	size_t n, max; /* kept; to be kept */
};

static struct judge_kind *kind_of(const struct judge_job *job, const struct judge_finding *f,
				  enum judge_mend mend)
{
	for (size_t i = 0; i < job->kinds_n; i++) {
		struct judge_kind *k = &job->kinds[i];

		if (k->mend == mend && strcmp(k->first->seen, f->seen) == 0 &&
		    strcmp(k->first->cure, f->cure) == 0)
			return k;
	}
	return NULL;
}

/* A new kind, or NULL when there are too many. Without a finding a ref would look good. */
static struct judge_kind *new_kind(struct judge *j, struct judge_job *job, enum judge_mend mend)
{
	bool room = j->kinds_n[job->report] < JUDGE_GROUPS_MAX;
	struct judge_kind *k;

	if (!room && job->kinds_n > 0)
		return NULL;
	j->kinds_n[job->report]++;
	job->kinds = xreallocarray(job->kinds, job->kinds_n + 1, sizeof(*job->kinds));
	k = &job->kinds[job->kinds_n++];
	*k = (struct judge_kind){ .mend = mend, .max = room ? JUDGE_GROUP_MAX : 1 };
	return k;
}

/* Is the finding kept? It will stand at `to`. Else it is counted. */
static bool keep_one(struct judge *j, struct judge_job *job, const struct judge_finding *f,
		     enum judge_mend mend, struct judge_finding *to)
{
	struct judge_kind *k = kind_of(job, f, mend);

	if (!k)
		k = new_kind(j, job, mend);
	if (!k) {
		job->kinds[0].first->unlike++;
		return false;
	}
	if (k->n == k->max) {
		k->first->alike++;
		return false;
	}
	if (k->n++ == 0)
		k->first = to;
	return true;
}

void judge_keep(struct judge *j, struct judge_job *job, struct judge_fate *f)
{
	size_t n = 0;

	if (j->c->all_findings)
		return;
	for (size_t i = 0; i < f->findings_n; i++) {
		if (keep_one(j, job, &f->findings[i], f->notes[i].mend, &f->findings[n])) {
			f->findings[n] = f->findings[i];
			f->notes[n++] = f->notes[i];
		} else {
			judge_finding_free(&f->findings[i]);
		}
	}
	f->findings_n = n;
	if (n == 0)
		judge_fate_free(f);
}
