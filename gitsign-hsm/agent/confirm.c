/* When the owner is asked, and batches: what one yes is good for. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "consent.h"

#define BATCHES_MAX 16

/* A chain of first parents in one repository, signed by one key. */
struct batch {
	char *where, *key;     /* where NULL: free */
	struct oid tip, below; /* the last commit, and its first parent */
	uint64_t count;
	int64_t until;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t one_question = PTHREAD_MUTEX_INITIALIZER;
static struct batch batches[BATCHES_MAX];

static struct batch *find(const struct confirm_ask *a)
{
	for (size_t i = 0; i < BATCHES_MAX; i++)
		if (batches[i].where != NULL && strcmp(batches[i].where, a->where) == 0 &&
		    strcmp(batches[i].key, a->key) == 0)
			return &batches[i];
	return NULL;
}

/* A commit goes on where the last one ended, or takes its place (amend). */
static bool goes_on(const struct batch *b, const struct facts *f)
{
	return oid_eq(&f->first_parent, &b->tip) ||
	       (b->below.n > 0 && oid_eq(&f->first_parent, &b->below));
}

static bool covered(const struct agent_config *c, const struct confirm_ask *a)
{
	const struct batch *b;
	bool r;

	pthread_mutex_lock(&lock);
	b = find(a);
	r = b != NULL && b->count < c->batch_max && os_monotonic_ms() < b->until &&
	    a->facts->first_parent.n > 0 && goes_on(b, a->facts);
	pthread_mutex_unlock(&lock);
	return r;
}

static struct batch *room(void)
{
	struct batch *oldest = &batches[0];

	for (size_t i = 0; i < BATCHES_MAX; i++) {
		if (batches[i].where == NULL)
			return &batches[i];
		if (batches[i].until < oldest->until)
			oldest = &batches[i];
	}
	free(oldest->where);
	free(oldest->key);
	return oldest;
}

void confirm_signed(const struct agent_config *c, const struct confirm_ask *a, const char *how,
		    const struct oid *commit)
{
	struct batch *b;

	if (a->facts->purpose != AGENT_COMMIT || commit->n == 0 || strcmp(how, "not asked") == 0)
		return;
	pthread_mutex_lock(&lock);
	b = find(a);
	if (b == NULL) {
		b = room();
		*b = (struct batch){ .where = xstrdup(a->where), .key = xstrdup(a->key) };
	}
	if (strcmp(how, "batch") != 0) { /* this one was asked for, and begins one */
		b->count = 0;
		b->until = os_monotonic_ms() + c->batch_ms;
	}
	b->count++;
	b->tip = *commit;
	b->below = a->facts->first_parent;
	pthread_mutex_unlock(&lock);
}

char *confirm_text(const struct facts *f, const char *where)
{
	_cleanup_free_ char *shown = text_escaped(bytes_str(where));

	if (where[0] == '\0')
		return xstrdup(f->text);
	return xasprintf("%s\n  in %s", f->text, shown);
}

static enum confirm mode_for(const struct agent_config *c, const struct confirm_ask *a)
{
	if (a->always)
		return CONFIRM_EACH;
	if (a->facts->purpose == AGENT_NOTHING) /* for ssh, whose owner has just asked for it */
		return c->confirm == CONFIRM_EACH ? CONFIRM_EACH : CONFIRM_NEVER;
	/* Who can read the store can sign without us. */
	if (a->stored && !c->confirm_set)
		return CONFIRM_NEVER;
	if (c->confirm == CONFIRM_BATCH && a->facts->purpose != AGENT_COMMIT)
		return CONFIRM_EACH;
	return c->confirm;
}

static int ask(const struct agent_config *c, const struct confirm_ask *a, struct err *err)
{
	_cleanup_free_ char *text = confirm_text(a->facts, a->where);

	return person_agrees(c, a->asker, text, err);
}

int confirm_ask(const struct agent_config *c, const struct confirm_ask *a, const char **how,
		struct err *err)
{
	enum confirm mode = mode_for(c, a);
	int r = 0;

	*how = "not asked";
	if (mode == CONFIRM_NEVER)
		return 0;
	*how = "pin";
	if (a->pin_follows && !a->always)
		return 0;
	pthread_mutex_lock(&one_question);
	*how = "batch";
	if (mode != CONFIRM_BATCH || !covered(c, a)) {
		*how = "confirmed";
		r = ask(c, a, err);
	}
	pthread_mutex_unlock(&one_question);
	return r;
}

void confirm_login(struct confirm_ask *a, bool says_stored, const struct keeper_login *login)
{
	a->stored = says_stored && (login->asked || login->stored);
	a->pin_follows = login->asked && !a->stored;
}

int confirm_made(const struct agent_config *c, struct confirm_ask *a, bool says_stored,
		 const struct keeper_login *login, const char **how, struct err *err)
{
	if (strcmp(*how, "batch") == 0 || strcmp(*how, "confirmed") == 0)
		return 0;
	confirm_login(a, says_stored, login);
	return confirm_ask(c, a, how, err);
}
