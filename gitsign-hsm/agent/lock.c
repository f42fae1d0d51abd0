/* Locked: no signature, no module, until it is unlocked. */
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

#include "agent.h"
#include "keeper.h"

#define WRONG_MS 500

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool locked;
static bool has_password;
static uint8_t salt[32], digest[32];

bool lock_is(void)
{
	return atomic_load(&locked);
}

static bool digest_of(const struct secret *password, uint8_t *ret)
{
	const struct bytes parts[] = { bytes_of(salt, sizeof(salt)),
				       bytes_of(password->p, password->n) };

	return alg_digest(HASH_SHA256, parts, 2, ret);
}

static int set(const struct secret *password, struct err *err)
{
	if (atomic_load(&locked))
		return err_set(err, ERR_USAGE, "the agent is locked already");
	has_password = password != NULL;
	if (has_password && (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt) ||
			     !digest_of(password, digest)))
		return err_set(err, ERR_INTERNAL, "no random bytes can be had");
	atomic_store(&locked, true);
	return 0;
}

int lock_set(const struct secret *password, struct err *err)
{
	int r;

	pthread_mutex_lock(&lock);
	r = set(password, err);
	pthread_mutex_unlock(&lock);
	if (r == 0)
		keeper_end();
	return r;
}

static int clear(const struct secret *password, struct err *err)
{
	static const struct timespec wait = { 0, WRONG_MS * 1000000L };
	uint8_t given[32];

	if (!atomic_load(&locked))
		return err_set(err, ERR_USAGE, "the agent is not locked");
	if (has_password && password == NULL)
		return err_set(err, ERR_PIN,
			       "the agent was locked with a password (ssh-add -x): unlock it "
			       "with  ssh-add -X");
	/* ssh's socket may be forwarded to where nobody is to unlock anything. */
	if (!has_password && password != NULL)
		return err_set(err, ERR_PIN,
			       "the agent was locked without a password: type  gitsign-hsm agent "
			       "unlock");
	if (has_password &&
	    (!digest_of(password, given) || CRYPTO_memcmp(given, digest, sizeof(given)) != 0)) {
		nanosleep(&wait, NULL);
		return err_set(err, ERR_PIN, "this is not the password");
	}
	atomic_store(&locked, false);
	return 0;
}

int lock_clear(const struct secret *password, struct err *err)
{
	int r;

	pthread_mutex_lock(&lock);
	r = clear(password, err);
	pthread_mutex_unlock(&lock);
	return r;
}
