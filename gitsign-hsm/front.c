#include "front.h"

#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/os.h"
#include "deliver.h"
#include "settings.h"
#include "token/agent.h"

int front_sibling(const char *name, struct buf *out, struct err *err)
{
	int r = os_self_dir(out, err);

	if (r == 0)
		buf_addf(out, "/../libexec/gitsign-hsm/%s", name);
	return r;
}

/* Puts what was read back, for the program that goes on. */
static int rewind_input(struct bytes payload, struct err *err)
{
	int fd = memfd_create("payload", MFD_CLOEXEC), r;

	if (fd < 0)
		return err_errno(err, ERR_IO, "what is to be signed cannot be kept");
	r = os_write_all(fd, payload, "what is to be signed", err);
	if (r == 0 && (lseek(fd, 0, SEEK_SET) != 0 || dup2(fd, STDIN_FILENO) < 0))
		r = err_errno(err, ERR_IO, "what is to be signed cannot be kept");
	close(fd);
	return r;
}

static int start_agent(struct err *err)
{
	struct buf program = BUF_INIT;
	int r = front_sibling("agent", &program, err);

	if (r == 0)
		r = agent_start(buf_str(&program), err);
	buf_free(&program);
	return r;
}

static enum agent_outcome ask(const struct settings *s, const struct args *a, struct bytes payload,
			      struct buf *armor, struct buf *status, struct err *err)
{
	struct buf config = BUF_INIT;
	char where[PATH_MAX] = "";
	struct agent_ask q = { .purpose = agent_purpose_of(payload),
			       .payload = payload,
			       .key = settings_key_for(s, payload, a->user) };
	enum agent_outcome o;

	if (q.purpose == AGENT_NOTHING || payload.n > AGENT_PAYLOAD_MAX) {
		err_set(err, ERR_INPUT, "the agent signs git objects of up to 16 MiB only");
		return AGENT_NOT_THERE;
	}
	settings_text(s, &config);
	q.config = buf_str(&config);
	q.where = getcwd(where, sizeof(where)) != NULL ? where : "";
	o = s->agent == SETTINGS_AGENT_SSH
		    ? agent_sign_forwarded(&q, armor, status, err)
		    : agent_sign(&q, &s->pin_source, start_agent, armor, status, err);
	buf_free(&config);
	return o;
}

static bool sign(const struct settings *s, const struct args *a, int *ret, struct err *err)
{
	struct buf payload = BUF_INIT, armor = BUF_INIT, status = BUF_INIT;
	struct os_stdio io = { STDOUT_FILENO, STDERR_FILENO };
	enum agent_outcome o;
	bool done = true;

	*ret = os_read_all(STDIN_FILENO, DELIVER_PAYLOAD_MAX, "what is to be signed", &payload,
			   err);
	if (*ret == 0) {
		o = ask(s, a, buf_bytes(&payload), &armor, &status, err);
		if (o == AGENT_DONE) {
			*ret = deliver(a->status_fd, &io, buf_bytes(&armor), buf_bytes(&status),
				       err);
		} else if (o == AGENT_NO || s->agent == SETTINGS_AGENT_REQUIRED) {
			*ret = (int)err->code;
		} else {
			*ret = rewind_input(buf_bytes(&payload), err);
			done = *ret != 0;
		}
	}
	buf_free(&payload);
	buf_free(&armor);
	buf_free(&status);
	return done;
}

bool front_sign(const struct args *a, int *status)
{
	struct settings s = { .conf = GITCONF_INIT };
	struct err err = ERR_INIT;
	bool done;

	/* What is wrong with the configuration, the sibling says: it reads it too. */
	if (settings_load(&s, &err) != 0)
		return false;
	if (s.agent == SETTINGS_AGENT_OFF || settings_is_openpgp(&s)) {
		settings_free(&s);
		return false;
	}
	done = (*status = deliver_check_fd(a->status_fd, &err)) != 0 || sign(&s, a, status, &err);
	if (done && *status != 0)
		deliver_error(STDERR_FILENO, &err);
	settings_free(&s);
	return done;
}
