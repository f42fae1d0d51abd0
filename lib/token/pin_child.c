/* PINs that other programs ask for or print. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/proc.h"
#include "base/text.h"
#include "token/pin_internal.h"

#define COMMAND_MS 30000
#define WORDS_MAX 32

extern char **environ;

/* Our helper's way to say that pinentry cannot be used here (gitsign-hsm/pinentry.c). */
#define HELPER_NO_PINENTRY ERR_CONFIG

static bool has_display(void)
{
	const char *x = getenv("DISPLAY"), *w = getenv("WAYLAND_DISPLAY");

	return (x != NULL && x[0] != '\0') || (w != NULL && w[0] != '\0');
}

/* Beside us, or from bin/ in libexec. */
static int helper_path(struct buf *out, struct err *err)
{
	size_t n;
	int r = os_self_dir(out, err);

	if (r != 0)
		return r;
	n = out->n;
	buf_add_str(out, "/pinentry");
	if (access(buf_str(out), X_OK) == 0)
		return 0;
	out->n = n;
	buf_add_str(out, "/../libexec/gitsign-hsm/pinentry");
	return 0;
}

static bool wanted(const char *pinentry, struct err *err)
{
	if (pinentry == NULL ? has_display() : strcmp(pinentry, "off") != 0)
		return true;
	err_set(err, ERR_PIN, "pinentry is not used (no display; hsm.pinentry)");
	return false;
}

static int not_there(struct err *err)
{
	return err_set(err, ERR_PIN, "pinentry cannot be used here (is it installed?)");
}

int pin_from_pinentry(const struct pin_source *src, const char *prompt, int timeout_ms,
		      struct secret *s, bool *there, struct err *err)
{
	struct buf path = BUF_INIT;
	struct proc_opts o = { .input = bytes_str(prompt),
			       .timeout_ms = timeout_ms + 5000,
			       .env = (const char *const *)environ,
			       .foreground = true };
	const char *argv[] = { NULL, "pin", src->pinentry, NULL };
	int status = 0, r;

	*there = false;
	if (!wanted(src->pinentry, err))
		return ERR_PIN;
	r = helper_path(&path, err);
	argv[0] = buf_str(&path);
	if (r == 0)
		r = proc_run_secret(argv, &o, s, &status, err);
	buf_free(&path);
	if (r != 0)
		return r;
	if (status == HELPER_NO_PINENTRY)
		return not_there(err);
	*there = true;
	return status == 0 ? 0
			   : err_set(err, ERR_PIN,
				     "no PIN was entered: nothing was sent to "
				     "the token");
}

int pin_confirm(const char *pinentry, const char *question, int timeout_ms, bool *there,
		struct err *err)
{
	struct buf path = BUF_INIT, ignored = BUF_INIT;
	struct proc_opts o = { .input = bytes_str(question),
			       .timeout_ms = timeout_ms,
			       .env = (const char *const *)environ };
	const char *argv[] = { NULL, "confirm", pinentry, NULL };
	int status = 0, r;

	*there = false;
	if (!wanted(pinentry, err))
		return ERR_PIN;
	r = helper_path(&path, err);
	argv[0] = buf_str(&path);
	if (r == 0)
		r = proc_run(argv, &o, &ignored, &status, err);
	buf_free(&path);
	buf_free(&ignored);
	if (r != 0)
		return r;
	if (status == HELPER_NO_PINENTRY)
		return not_there(err);
	*there = true;
	if (status == ERR_BAD)
		return err_set(err, ERR_BAD, "the answer was not yes");
	return status == 0 ? 0 : err_set(err, ERR_PIN, "nobody answered");
}

int pin_from_askpass(const struct pin_source *src, const char *prompt, int timeout_ms,
		     struct secret *s, bool *there, struct err *err)
{
	const char *program = src->askpass;
	struct proc_opts o = { .timeout_ms = timeout_ms,
			       .env = (const char *const *)environ,
			       .foreground = true };
	int status = 0, r;

	*there = false;
	if (program != NULL && strcmp(program, "true") == 0)
		program = getenv("SSH_ASKPASS");
	if (program == NULL || program[0] != '/')
		return err_set(err, ERR_PIN, "SSH_ASKPASS is not used (hsm.askpass)");
	const char *argv[] = { program, prompt, NULL };

	r = proc_run_secret(argv, &o, s, &status, err);
	if (r != 0)
		return r;
	*there = true;
	return status == 0 ? 0
			   : err_set(err, ERR_PIN,
				     "no PIN was entered: nothing was sent to "
				     "the token");
}

int pin_command_trusted(const char *command, struct err *err)
{
	_cleanup_free_ char *path = xstrndup(command, strcspn(command, " \t"));
	int r = os_path_trusted(path, geteuid(), err);

	if (r != 0)
		err_prefix(err, "the command of hsm.pinSource");
	return r == 0 ? 0 : ERR_PIN;
}

int pin_from_command(const char *command, struct secret *s, struct err *err)
{
	_cleanup_free_ char *text = xstrdup(command), *home = NULL;
	const char *argv[WORDS_MAX + 1], *env[6];
	struct proc_opts o = { .timeout_ms = COMMAND_MS, .env = env };
	size_t n = 0, k = 0;
	char *rest = NULL;
	int status = 0, r;

	for (char *w = strtok_r(text, " \t", &rest); w != NULL; w = strtok_r(NULL, " \t", &rest)) {
		if (n == WORDS_MAX)
			return err_set(err, ERR_PIN,
				       "the command of hsm.pinSource has more than "
				       "%d words",
				       WORDS_MAX);
		argv[n++] = w;
	}
	argv[n] = NULL;
	env[k++] = "PATH=/usr/local/bin:/usr/bin:/bin";
	env[k++] = "LC_ALL=C";
	if (getenv("HOME") != NULL)
		env[k++] = home = xasprintf("HOME=%s", getenv("HOME"));
	env[k] = NULL;
	r = pin_command_trusted(command, err);
	if (r != 0)
		return r;
	r = proc_run_secret(argv, &o, s, &status, err);
	if (r == 0 && status != 0)
		r = err_set(err, ERR_PIN, "it ended with status %d", status);
	if (r != 0)
		err_prefix(err, "the command of hsm.pinSource");
	return r == 0 ? 0 : ERR_PIN;
}
