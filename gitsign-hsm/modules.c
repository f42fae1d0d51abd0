#include "modules.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/proc.h"
#include "base/text.h"

#define PROBE_MS 15000
#define FILE_MAX ((size_t)64 << 10)
#define MODULES_MAX 64
#define LISTED_MAX 100 /* tokens of one module */

#ifndef GH_P11_MODULES
#define GH_P11_MODULES "/usr/lib/pkcs11"
#endif

static const char *const known[] = {
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib64/pkcs11/libsofthsm2.so",
	"/usr/lib64/softhsm/libsofthsm2.so",
	"/usr/lib/x86_64-linux-gnu/libykcs11.so.2",
	"/usr/lib/x86_64-linux-gnu/libykcs11.so",
	"/usr/lib/aarch64-linux-gnu/libykcs11.so.2",
	"/usr/lib64/libykcs11.so.2",
	"/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
	"/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so",
	"/usr/lib64/pkcs11/opensc-pkcs11.so",
	"/usr/lib/x86_64-linux-gnu/pkcs11/yubihsm_pkcs11.so",
	"/usr/lib64/pkcs11/yubihsm_pkcs11.so",
	"/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so",
	"/usr/lib/x86_64-linux-gnu/libtpm2_pkcs11.so.1",
	"/usr/lib64/pkcs11/libtpm2_pkcs11.so",
	"/opt/cloudhsm/lib/libcloudhsm_pkcs11.so",
	"/opt/nfast/toolkits/pkcs11/libcknfast.so",
	"/usr/safenet/lunaclient/lib/libCryptoki2_64.so",
	"/opt/homebrew/lib/softhsm/libsofthsm2.so",
};

static const char *const passed_over[] = { "p11-kit-proxy.so", "p11-kit-client.so",
					   "p11-kit-trust.so", "libp11-kit.so", "pkcs11-spy.so" };

static bool wanted(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(passed_over) / sizeof(passed_over[0]); i++)
		if (strncmp(name, passed_over[i], strlen(passed_over[i])) == 0)
			return false;
	return access(path, R_OK) == 0;
}

static bool same_file(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];

	return realpath(a, x) != NULL && realpath(b, y) != NULL && strcmp(x, y) == 0;
}

static void add(struct modules *m, const char *path)
{
	if (!wanted(path) || m->n == MODULES_MAX)
		return;
	for (size_t i = 0; i < m->n; i++)
		if (same_file(m->v[i].path, path))
			return;
	m->v = xreallocarray(m->v, m->n + 1, sizeof(m->v[0]));
	m->v[m->n++] = (struct module_found){ .path = xstrdup(path) };
}

/* One line of a *.module file: "module: NAME", a name without slash is p11-kit's own place. */
static void take_line(struct modules *m, struct bytes line)
{
	static const char word[] = "module:";
	_cleanup_free_ char *name = NULL, *path = NULL;

	if (!bytes_starts(line, bytes_of(word, sizeof(word) - 1)))
		return;
	line = bytes_skip(line, sizeof(word) - 1);
	while (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		line = bytes_skip(line, 1);
	while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\r' ||
			      line.p[line.n - 1] == '\t'))
		line.n--;
	if (line.n == 0 || memchr(line.p, '\0', line.n) != NULL)
		return;
	name = xstrndup((const char *)line.p, line.n);
	path = name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", GH_P11_MODULES, name);
	add(m, path);
}

static void read_file(struct modules *m, const char *path)
{
	struct buf text = BUF_INIT;
	struct bytes rest;

	if (os_file_read(path, OS_FILE_ANY, FILE_MAX, &text, NULL) == 0) {
		rest = buf_bytes(&text);
		while (rest.n > 0) {
			const uint8_t *nl = memchr(rest.p, '\n', rest.n);
			size_t n = nl != NULL ? (size_t)(nl - rest.p) : rest.n;

			take_line(m, bytes_of(rest.p, n));
			rest = bytes_skip(rest, nl != NULL ? n + 1 : n);
		}
	}
	buf_free(&text);
}

static int is_module_file(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 7 && d->d_name[0] != '.' && strcmp(d->d_name + n - 7, ".module") == 0;
}

static void read_directory(struct modules *m, const char *dir)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_module_file, alphasort);

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, names[i]->d_name);

		read_file(m, path);
		free(names[i]);
	}
	free(names);
}

void modules_find(struct modules *m)
{
	const char *home = getenv("HOME");

	*m = (struct modules){ NULL, 0 };
	if (home != NULL && home[0] == '/') {
		_cleanup_free_ char *own = xasprintf("%s/.config/pkcs11/modules", home);

		read_directory(m, own);
	}
	read_directory(m, "/etc/pkcs11/modules");
	read_directory(m, "/usr/share/p11-kit/modules");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		add(m, known[i]);
}

/* "token list --brief" prints a line a token: of a blank one nothing but the tabs. */
static const char blank[] = "\t\t";

static void read_tokens(struct module_found *m, const struct buf *out)
{
	struct bytes rest = buf_bytes(out);
	struct buf says = BUF_INIT;

	while (rest.n > 0 && m->tokens + m->blanks < LISTED_MAX) {
		const uint8_t *nl = memchr(rest.p, '\n', rest.n);
		const uint8_t *tab = memchr(rest.p, '\t', rest.n);
		size_t n = nl != NULL ? (size_t)(nl - rest.p) : rest.n;
		size_t label =
			tab != NULL && (size_t)(tab - rest.p) < n ? (size_t)(tab - rest.p) : n;

		if (bytes_eq_str(bytes_of(rest.p, n), blank)) {
			m->blanks++;
		} else { /* without a label, too: Google's module gives none unless told to */
			buf_addf(&says, "%stoken \"", says.n > 0 ? ", " : "");
			text_escape(&says, bytes_of(rest.p, label));
			buf_add_byte(&says, '"');
			m->tokens++;
		}
		rest = bytes_skip(rest, nl != NULL ? n + 1 : n);
	}
	if (m->tokens == 0)
		buf_add_str(&says, m->blanks > 0 ? "a blank token" : "no token that is initialised");
	m->says = buf_detach(&says);
}

/* The first line of what a child said, without what the list of modules says already. */
static char *first_words(const struct module_found *m, const struct buf *errors)
{
	_cleanup_free_ char *path = xasprintf("%s: ", m->path);
	struct bytes line = buf_bytes(errors), own = BYTES_LIT("gitsign-hsm: ");
	const uint8_t *nl = line.n > 0 ? memchr(line.p, '\n', line.n) : NULL;

	if (nl != NULL)
		line.n = (size_t)(nl - line.p);
	if (bytes_starts(line, own))
		line = bytes_skip(line, own.n);
	if (bytes_starts(line, bytes_str(path)))
		line = bytes_skip(line, strlen(path));
	return text_escaped(line);
}

static void probe(struct module_found *m, const char *program)
{
	const char *argv[] = { program, "token", "list", "--brief", "--module", m->path, NULL };
	struct buf out = BUF_INIT, errors = BUF_INIT;
	struct proc_opts o = { .timeout_ms = PROBE_MS, .errors = &errors };
	struct err err = ERR_INIT;
	int status = 0, r = proc_run(argv, &o, &out, &status, &err);

	if (r == 0 && status == 0) {
		read_tokens(m, &out);
	} else if (r != 0) {
		m->says = xstrdup("did not answer in time");
	} else if (status > 128) {
		m->says = xasprintf("crashed (signal %d)", status - 128);
	} else {
		m->says = first_words(m, &errors);
	}
	buf_free(&out);
	buf_free(&errors);
}

void modules_probe(struct modules *m, bool progress)
{
	struct buf self = BUF_INIT;

	if (os_self_dir(&self, NULL) != 0)
		return;
	buf_add_str(&self, "/verbs");
	for (size_t i = 0; i < m->n; i++) {
		if (progress)
			fprintf(stderr, "Asking %s ...\n", m->v[i].path);
		probe(&m->v[i], buf_str(&self));
	}
	buf_free(&self);
}

void modules_free(struct modules *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].path);
		free(m->v[i].says);
	}
	free(m->v);
	*m = (struct modules){ NULL, 0 };
}
