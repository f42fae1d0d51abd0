/* repo: what is new, whatever the dates say; with and without a push's quarantine. */
#include <string.h>

#include "repo/walk.h"
#include "tests/unit/repo_tools.h"

#define COMMITS 48
#define ROUNDS 6

/* A history as git tells it: commit i has the parents p[i][..]. */
struct history {
	struct oid id[COMMITS];
	size_t p[COMMITS][8], p_n[COMMITS];
	size_t n;
};

static uint32_t seed;

static uint32_t below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Parents before children; merges, octopuses, several roots, and dates without sense. */
static void make_random(void)
{
	struct buf b = BUF_INIT;
	struct proc_opts o = { .env = (const char *const *)tool_env, .dir = world };
	const char *argv[] = { "git", "-C", "all", "fast-import", "--quiet", NULL };
	struct err err = ERR_INIT;
	int status;

	run("git init -q --bare all");
	for (unsigned i = 1; i <= COMMITS; i++) {
		unsigned parents =
			i == 1 || below(12) == 0 ? 0 : 1 + (below(4) == 0 ? below(4) : 0);
		unsigned last = i > 8 ? i - below(8) : i;

		buf_addf(&b,
			 "commit refs/heads/c%u\nmark :%u\ncommitter a <a@example.com> %u "
			 "+0000\ndata 0\n",
			 i, i, below(3) ? 1000000 + i * 10 : below(2000000));
		for (unsigned k = 0; k < parents && last > k + 1; k++)
			buf_addf(&b, "%s :%u\n", k ? "merge" : "from", last - k - 1);
		buf_add_byte(&b, '\n');
	}
	o.input = buf_bytes(&b);
	ck_assert_msg(proc_run(argv, &o, NULL, &status, &err) == 0 && status == 0, "%s", err.text);
	buf_free(&b);
}

static size_t number(const struct history *h, const struct oid *id)
{
	for (size_t i = 0; i < h->n; i++)
		if (oid_eq(&h->id[i], id))
			return i;
	return h->n;
}

static void read_history(struct history *h)
{
	_cleanup_free_ char *all =
		sh("git -C all log --all --reverse --topo-order --format='%H %P'");
	char *save, *save2;

	h->n = 0;
	for (char *l = strtok_r(all, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *word = strtok_r(l, " ", &save2);
		size_t i = h->n;
		struct oid parent;

		ck_assert(oid_parse(bytes_str(word), &h->id[i]));
		h->p_n[i] = 0;
		while ((word = strtok_r(NULL, " ", &save2))) {
			ck_assert(oid_parse(bytes_str(word), &parent));
			h->p[i][h->p_n[i]++] = number(h, &parent);
		}
		h->n++;
	}
}

static void paint(const struct history *h, size_t i, uint8_t *seen)
{
	if (seen[i])
		return;
	seen[i] = 1;
	for (size_t k = 0; k < h->p_n[i]; k++)
		paint(h, h->p[i][k], seen);
}

/* Walks, and holds what comes against `want`: each once, with its content and its tip. */
static void walk_gives(struct repo *r, bool push, const struct history *h, const size_t *tips,
		       size_t tips_n, const size_t *hide, size_t hide_n, const uint8_t *want)
{
	struct walk *w = walk_new(r, 65536);
	uint8_t seen[COMMITS] = { 0 }, done[COMMITS] = { 0 };
	struct buf content = BUF_INIT;
	struct err err = ERR_INIT;
	struct walk_found f;
	size_t *order, n = 0;
	bool more, is;

	if (push)
		walk_push(w);
	for (size_t i = 0; i < tips_n; i++)
		walk_tip(w, &h->id[tips[i]]);
	for (size_t i = 0; i < hide_n; i++)
		walk_hide(w, &h->id[hide[i]]);
	for (;; n++) {
		size_t at = content.n, k;
		uint8_t under[COMMITS] = { 0 };
		struct oid is_id;

		ck_assert_msg(walk_next(w, &content, &f, &more, &err) == 0, "%s", err.text);
		if (!more)
			break;
		k = number(h, &f.id);
		ck_assert_msg(k < h->n && want[k] && !seen[k], "commit %zu of seed %u", k, seed);
		seen[k] = 1;
		ck_assert(!f.too_large && f.type == OBJECT_COMMIT && f.n == n);
		ck_assert(f.root == (h->p_n[k] == 0));
		ck_assert(oid_of_object(OBJECT_COMMIT, bytes_skip(buf_bytes(&content), at),
					repo_hash_bytes(r), &is_id) &&
			  oid_eq(&is_id, &f.id));
		ck_assert(f.tip < tips_n);
		paint(h, tips[f.tip], under);
		ck_assert(under[k]);
	}
	ck_assert(memcmp(seen, want, sizeof(seen)) == 0);
	ck_assert_uint_eq(walk_count(w), n);
	order = walk_order(w);
	for (size_t i = 0; i < n; i++) {
		size_t k = number(h, walk_id(w, order[i])), found;

		ck_assert(!done[k]);
		done[k] = 1;
		for (size_t c = 0; c < h->n; c++) /* no child comes later */
			for (size_t p = 0; p < h->p_n[c]; p++)
				ck_assert(h->p[c][p] != k || !want[c] || done[c]);
		ck_assert(walk_find(w, walk_id(w, order[i]), &found) && found == order[i]);
		ck_assert(walk_first_parent(w, order[i])
				  ? oid_eq(walk_first_parent(w, order[i]), &h->id[h->p[k][0]])
				  : h->p_n[k] == 0);
	}
	for (size_t t = 0; t < tips_n; t++)
		for (size_t k = 0; k < h->n; k += 3) {
			uint8_t under[COMMITS] = { 0 };

			paint(h, tips[t], under);
			is = !under[k];
			ck_assert_msg(walk_descends(w, t, &h->id[k], &is, &err) == 0 ||
					      !repo_has(r, &h->id[k]),
				      "%s", err.text);
			ck_assert(is == under[k] || !repo_has(r, &h->id[k]));
		}
	free(order);
	walk_free(w);
	buf_free(&content);
}

static void choose(size_t *v, size_t *n, size_t most, size_t from)
{
	*n = below((uint32_t)most) + 1;
	for (size_t i = 0; i < *n; i++)
		v[i] = below((uint32_t)from);
}

static void expect(const struct history *h, const size_t *tips, size_t tips_n, const size_t *hide,
		   size_t hide_n, uint8_t want[COMMITS])
{
	uint8_t accepted[COMMITS] = { 0 };

	memset(want, 0, COMMITS);
	for (size_t i = 0; i < hide_n; i++)
		paint(h, hide[i], accepted);
	for (size_t i = 0; i < tips_n; i++)
		paint(h, tips[i], want);
	for (size_t i = 0; i < h->n; i++)
		want[i] = want[i] && !accepted[i];
}

START_TEST(exact)
{
	const struct kind *k = &kinds[_i];
	size_t tips[4], tips_n, hide[4], hide_n;
	static struct history h;
	uint8_t want[COMMITS];

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct repo *r;

		world_begin(k);
		seed = round + 1;
		make_random();
		read_history(&h);
		r = open_at(k, "all");
		for (int i = 0; i < 40; i++) {
			choose(tips, &tips_n, 4, h.n);
			choose(hide, &hide_n, 4, h.n);
			hide_n -= i % 4 == 0;
			expect(&h, tips, tips_n, hide, hide_n, want);
			walk_gives(r, false, &h, tips, tips_n, hide, hide_n, want);
		}
		for (int i = 0; i < 60; i++) {
			size_t old = below((uint32_t)h.n), tip = below((uint32_t)h.n);
			uint8_t under[COMMITS] = { 0 };
			struct err err = ERR_INIT;
			bool is;

			paint(&h, tip, under);
			is = !under[old];
			ck_assert(repo_is_ancestor(r, &h.id[old], &h.id[tip], &is, &err) == 0);
			ck_assert(is == under[old]);
		}
		repo_close(r);
		world_end();
	}
}
END_TEST

/* --- a push ------------------------------------------------------------------------- */

/* Puts what `base` does not reach into a quarantine beside it, and speaks of it as
 * receive-pack does. */
static struct repo *open_push(const struct kind *k, const struct oid *base, size_t n)
{
	_cleanup_free_ char *dir = xasprintf("%s/base", world), *quarantine = NULL, *main = NULL;
	struct buf list = BUF_INIT, script = BUF_INIT;
	char hex[OID_HEX_MAX];
	struct repo *r;

	for (size_t i = 0; i < n; i++)
		buf_addf(&list, "%s\n", oid_hex(&base[i], hex));
	buf_addf(&script,
		 "git init -q --bare base; q=base/objects/incoming; mkdir -p $q/pack\n"
		 "git -C all rev-list --objects --stdin <<. >held\n%s.\n"
		 "git -C all rev-list --objects --all >both\n"
		 "git -C all pack-objects -q ../base/objects/pack/pack <held >/dev/null\n"
		 "grep -vxFf held both >brought || :\n"
		 "git -C all pack-objects -q ../$q/pack/pack <brought >/dev/null\n",
		 buf_str(&list));
	run(buf_str(&script));
	quarantine = xasprintf("%s/objects/incoming", dir);
	main = xasprintf("%s/objects", dir);
	setenv("GIT_DIR", dir, 1);
	setenv("GIT_OBJECT_DIRECTORY", quarantine, 1);
	setenv("GIT_QUARANTINE_PATH", quarantine, 1);
	setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", main, 1);
	r = open_at(k, NULL);
	buf_free(&list);
	buf_free(&script);
	return r;
}

static void forget_push(void)
{
	unsetenv("GIT_DIR");
	unsetenv("GIT_OBJECT_DIRECTORY");
	unsetenv("GIT_QUARANTINE_PATH");
	unsetenv("GIT_ALTERNATE_OBJECT_DIRECTORIES");
}

START_TEST(pushed)
{
	const struct kind *k = &kinds[_i];
	size_t tips[4], tips_n, held[6], held_n, hide[6], hide_n;
	static struct history h;
	uint8_t want[COMMITS];
	struct oid base[6];

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct repo *r;

		world_begin(k);
		seed = 100 + round;
		make_random();
		read_history(&h);
		choose(held, &held_n, 6, h.n * 2 / 3);
		for (size_t i = 0; i < held_n; i++)
			base[i] = h.id[held[i]];
		r = open_push(k, base, held_n);
		for (int i = 0; i < 40; i++) {
			/* What is accepted was there: tips that are, and what they reach. */
			hide_n = below((uint32_t)held_n + 1);
			for (size_t a = 0; a < hide_n; a++) {
				hide[a] = held[a];
				while (h.p_n[hide[a]] > 0 && below(2))
					hide[a] = h.p[hide[a]][0];
			}
			choose(tips, &tips_n, 4, h.n);
			expect(&h, tips, tips_n, hide, hide_n, want);
			walk_gives(r, true, &h, tips, tips_n, hide, hide_n, want);
		}
		for (int i = 0; i < 10; i++) { /* whatever the push has brought */
			choose(tips, &tips_n, 4, h.n);
			choose(hide, &hide_n, 4, h.n);
			expect(&h, tips, tips_n, hide, hide_n, want);
			walk_gives(r, false, &h, tips, tips_n, hide, hide_n, want);
		}
		repo_close(r);
		forget_push();
		world_end();
	}
}
END_TEST

/* What is accepted and gone, and what comes back with a push. */
START_TEST(holes)
{
	const struct kind *k = &kinds[_i];
	size_t tips[2], hide[1];
	static struct history h;
	uint8_t want[COMMITS] = { 0 };
	struct repo *r;
	struct oid base;

	/* a - b - c - d; b and c come with the push. */
	world_begin(k);
	run("git init -q all && cd all && for i in a b c d; do git commit -q --allow-empty -m $i; "
	    "done");
	read_history(&h);
	base = h.id[0];
	r = open_push(k, &base, 1);
	tips[0] = 3;
	hide[0] = 2; /* c was accepted once: it still is, what is below it was not there */
	want[3] = 1;
	walk_gives(r, true, &h, tips, 1, hide, 1, want);
	tips[1] = 0; /* nor is what the push would lead to */
	want[0] = 1;
	walk_gives(r, true, &h, tips, 2, hide, 1, want);
	tips[0] = 1;
	memset(want, 0, sizeof(want));
	want[0] = want[1] = 1;
	walk_gives(r, true, &h, tips, 1, hide, 1, want);
	hide[0] = 0;
	want[0] = 0;
	walk_gives(r, true, &h, tips, 1, hide, 1, want);
	repo_close(r);
	forget_push();
	world_end();
}
END_TEST

/* git gc beside a push: what was accepted lies in another pack now. */
START_TEST(repacked)
{
	const struct kind *k = &kinds[_i];
	size_t tips[2] = { 3, 1 }, hide[1] = { 2 };
	static struct history h;
	uint8_t want[COMMITS] = { [3] = 1 };
	struct oid base;
	struct repo *r;

	world_begin(k);
	run("git init -q all && cd all && for i in a b c d; do git commit -q --allow-empty -m $i; "
	    "done");
	read_history(&h);
	base = h.id[2];
	r = open_push(k, &base, 1);
	run("cd base/objects/pack && for f in pack-*; do mv $f pack-$(printf %040d 1).${f##*.}; "
	    "done");
	walk_gives(r, true, &h, tips, 2, hide, 1, want); /* b is below c */
	repo_close(r);
	forget_push();
	world_end();
}
END_TEST

/* --- what is no commit ---------------------------------------------------------------- */

static void found(struct repo *r, const struct oid *tip, size_t max, struct walk_found *ret,
		  size_t n)
{
	struct walk *w = walk_new(r, max);
	struct buf content = BUF_INIT;
	struct err err = ERR_INIT;
	struct walk_found f;
	bool more = true;

	walk_tip(w, tip);
	for (size_t i = 0; more; i++) {
		ck_assert_msg(walk_next(w, &content, &f, &more, &err) == 0, "%s", err.text);
		ck_assert(more == (i < n));
		if (more)
			ret[i] = f;
	}
	walk_free(w);
	buf_free(&content);
}

START_TEST(malformed)
{
	const struct kind *k = &kinds[_i];
	struct walk_found f[3];
	struct oid tip, parent;
	struct err err = ERR_INIT;
	struct repo *r;

	world_begin(k);
	run("git init -q h && cd h && git commit -q --allow-empty -m x && h() { git hash-object -t "
	    "commit -w --literally --stdin; } && "
	    "{ echo tree; git cat-file commit HEAD; } | h >no-tree && "
	    "git cat-file commit HEAD | sed 's/^author/HG:extra x\\n&/' >t && "
	    "sed \"1a parent $(git rev-parse HEAD)\" t | h >odd && "
	    "git cat-file commit HEAD | sed \"1a parent $(echo b | git hash-object -w --stdin)\" | "
	    "h >of-blob");
	r = open_at(k, "h");
	tip = id_of("cat h/no-tree");
	found(r, &tip, 65536, f, 1);
	ck_assert(oid_eq(&f[0].id, &tip) && f[0].type == OBJECT_COMMIT && f[0].root);
	tip = id_of("cat h/odd"); /* the walk goes on behind it */
	parent = id_of("git -C h rev-parse HEAD");
	found(r, &tip, 65536, f, 2);
	ck_assert(oid_eq(&f[0].id, &tip) && !f[0].root && oid_eq(&f[1].id, &parent) && f[1].root);
	tip = id_of("cat h/of-blob");
	found(r, &tip, 65536, f, 2);
	ck_assert(f[0].type == OBJECT_COMMIT && f[1].type == OBJECT_BLOB && f[1].tip == 0);
	ck_assert_int_eq(repo_walk(r, &tip, 1, NULL, 0, NULL, NULL, &err), ERR_REPO);
	ck_assert_msg(strstr(err.text, "no commit"), "%s", err.text);
	found(r, &parent, 20, f, 1);
	ck_assert(f[0].too_large && f[0].root);
	repo_close(r);
	world_end();
}
END_TEST

/* What is read of the accepted history has a limit; what leads nowhere is not read for it. */
START_TEST(accepted_large)
{
	const struct kind *k = &kinds[_i];
	struct buf content = BUF_INIT;
	struct oid tip, tag, blob;
	struct repo *r;

	world_begin(k);
	run("git init -q h && cd h && for i in a b c; do git commit -q --allow-empty -m $i; done && "
	    "{ echo object $(git rev-parse HEAD~1); printf 'type commit\\ntag t\\n"
	    "tagger a <a@example.com> 1 +0000\\n\\n'; seq 1 400000; } | "
	    "git hash-object -t tag -w --stdin >tag && "
	    "seq 1 400000 | git hash-object -w --stdin >blob");
	r = open_at(k, "h");
	tip = id_of("git -C h rev-parse HEAD");
	tag = id_of("cat h/tag");
	blob = id_of("cat h/blob");
	for (int large = 0; large < 2; large++) {
		struct walk *w = walk_new(r, 65536);
		struct err err = ERR_INIT;
		struct walk_found f;
		bool more;

		walk_tip(w, &tip);
		walk_hide(w, &blob);
		walk_hide(w, &tag);
		walk_accepted_max(w, large ? 1 << 21 : 4 << 20);
		if (large) {
			ck_assert_int_eq(walk_next(w, &content, &f, &more, &err), ERR_REPO);
			ck_assert_msg(strstr(err.text, "a tag of 268") &&
				      strstr(err.text, "hsm.introduction"), "%s", err.text);
		} else {
			ck_assert_msg(walk_next(w, &content, &f, &more, &err) == 0, "%s", err.text);
			ck_assert(more && oid_eq(&f.id, &tip));
			ck_assert(walk_next(w, &content, &f, &more, &err) == 0 && !more);
		}
		walk_free(w);
	}
	buf_free(&content);
	repo_close(r);
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("repo_walk");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, exact, 0, N(kinds));
	tcase_add_loop_test(tc, pushed, 0, N(kinds));
	tcase_add_loop_test(tc, holes, 0, N(kinds));
	tcase_add_loop_test(tc, repacked, 0, N(kinds));
	tcase_add_loop_test(tc, malformed, 0, N(kinds));
	tcase_add_loop_test(tc, accepted_large, 0, N(kinds));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
