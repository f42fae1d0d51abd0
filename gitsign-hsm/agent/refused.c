/*
 * PINs that a token refused, as salted digests: a wrong one is sent once, however often
 * a file or a helper gives it. Kept in this process until it ends.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "keeper.h"

#define REFUSED_MAX 64 /* the oldest goes */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t salt[32];
static bool salted;
static struct refused_pin list[REFUSED_MAX];
static size_t next;

static int make_salt(struct err *err)
{
	if (salted)
		return 0;
	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return err_errno(err, ERR_INTERNAL, "no random bytes can be had");
	salted = true;
	return 0;
}

static bool digest(const char *module, struct bytes token, const struct secret *pin,
		   struct refused_pin *ret)
{
	const struct bytes parts[] = {
		bytes_of(salt, sizeof(salt)),
		bytes_of(module, strlen(module) + 1),
		token,
		BYTES_LIT("\n"),
		bytes_of(pin->p, pin->n),
	};

	ret->there = alg_digest(HASH_SHA256, parts, sizeof(parts) / sizeof(parts[0]), ret->digest);
	return ret->there;
}

static bool is_known(const struct refused_pin *p)
{
	for (size_t i = 0; i < REFUSED_MAX; i++)
		if (list[i].there && memcmp(list[i].digest, p->digest, sizeof(p->digest)) == 0)
			return true;
	return false;
}

int refused_check(const char *module, struct bytes token, const struct secret *pin,
		  struct refused_pin *ret, struct err *err)
{
	int r;

	pthread_mutex_lock(&lock);
	r = make_salt(err);
	if (r == 0 && !digest(module, token, pin, ret))
		r = err_set(err, ERR_INTERNAL, "no digest can be made");
	if (r == 0 && is_known(ret))
		r = err_set(err, ERR_PIN,
			    "the token has refused this PIN before: it is not sent again. "
			    "Look at hsm.pinSource; if the token's PIN has been changed "
			    "to this one since, type  gitsign-hsm agent stop");
	pthread_mutex_unlock(&lock);
	if (r != 0)
		ret->there = false;
	return r;
}

void refused_add(const struct refused_pin *p)
{
	if (!p->there)
		return;
	pthread_mutex_lock(&lock);
	list[next] = *p;
	next = (next + 1) % REFUSED_MAX;
	pthread_mutex_unlock(&lock);
}
