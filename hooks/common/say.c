/* A hook's words, for a terminal behind "remote: " or a page of GitLab. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/text.h"
#include "hooks/common/hook.h"

void hook_say(const char *text)
{
	struct err ignored;

	(void)os_write_all(STDERR_FILENO, bytes_str(text), "standard error", &ignored);
}

static char *wrapped(const char *text)
{
	struct buf b = BUF_INIT;

	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = xstrndup(text, n);

		text_wrap(&b, line, JUDGE_COLUMNS, 2);
		text += n + (text[n] == '\n');
	}
	return buf_detach(&b);
}

void hook_say_line(const char *text, void *ctx)
{
	_cleanup_free_ char *line = xasprintf("gitsign-hsm: %s", text);
	_cleanup_free_ char *lines = wrapped(line);

	(void)ctx;
	hook_say(lines);
}

static bool on_gitlab_page(void)
{
	const char *protocol = getenv("GL_PROTOCOL");

	if (!protocol)
		return getenv("GL_REPOSITORY") != NULL;
	return strcmp(protocol, "ssh") != 0 && strcmp(protocol, "http") != 0;
}

char *hook_refusal_text(const char *text)
{
	struct buf b = BUF_INIT;

	if (!on_gitlab_page())
		return xstrdup(text);
	while (*text) {
		size_t n = strcspn(text, "\n");

		/* A newline in front only ends a line of progress. */
		if (n > 0 || b.n > 0)
			buf_addf(&b, "GL-HOOK-ERR: %.*s", (int)n, text);
		buf_add_byte(&b, '\n');
		text += n + (text[n] == '\n');
	}
	return buf_detach(&b);
}

void hook_say_refusal(const char *text)
{
	_cleanup_free_ char *shown = hook_refusal_text(text);

	hook_say(shown);
}

const char *hook_subject(const struct hook *h)
{
	return strcmp(h->name, "reference-transaction") == 0 ? "update" : "push";
}

/* Whoever pushes can do nothing about the server's policy, record or configuration. */
static const char *whose_it_is(const struct hook *h, const struct err *err)
{
	return err->code == ERR_CONFIG && strcmp(h->name, "pre-push") != 0 &&
			       !strstr(err->text, "administrator")
		       ? "\n  The server's administrator has to mend this; then try again."
		       : "";
}

int hook_refuse(struct hook *h, const struct err *err)
{
	_cleanup_free_ char *line = xasprintf("gitsign-hsm: %s refused: %s%s", hook_subject(h),
					      err->text, whose_it_is(h, err));
	_cleanup_free_ char *lines = wrapped(line);

	if (judge_progress_end(&h->progress))
		hook_say("\n");
	hook_say_refusal(lines);
	return err->code ? (int)err->code : ERR_INTERNAL;
}

void hook_show_progress(void *ctx, size_t done, size_t total, bool more)
{
	struct hook *h = ctx;
	char line[JUDGE_PROGRESS_MAX];

	if (judge_progress(&h->progress, os_monotonic_ms(), done, total, more, line))
		hook_say(line);
}

void hook_show_waiting(void *ctx)
{
	(void)ctx;
	hook_say("gitsign-hsm: waiting for another push to this repository ...\n");
}
