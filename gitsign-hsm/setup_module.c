#include "setup_module.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "modules.h"

static int none(const struct modules *m, bool blank, struct err *err)
{
	struct buf list = BUF_INIT;
	int r;

	for (size_t i = 0; i < m->n; i++)
		buf_addf(&list, "\n  %s: %s", m->v[i].path, m->v[i].says);
	if (m->n == 0)
		r = err_set(err, ERR_CONFIG,
			    "no PKCS#11 module is known here: install your token's "
			    "(to try it out: softhsm2), or name it: --module /path/to.so");
	else
		r = err_set(err, ERR_CONFIG,
			    "no PKCS#11 module here has a %s: plug it in%s, or name another module: "
			    "--module /path/to.so%s",
			    blank ? "blank token" : "token",
			    blank ? "" : " (or make one: gitsign-hsm token init)", buf_str(&list));
	buf_free(&list);
	return r;
}

static int choose(struct module_found *const *with, size_t n, size_t *ret, struct err *err)
{
	char line[32];
	uint64_t k;
	size_t len;

	puts("Several PKCS#11 modules fit:");
	for (size_t i = 0; i < n; i++)
		printf("  %zu  %s: %s\n", i + 1, with[i]->path, with[i]->says);
	printf("Which one? [1-%zu] ", n);
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return err_set(err, ERR_CONFIG, "no module was chosen");
	len = strcspn(line, "\r\n");
	if (!text_parse_u64(bytes_of(line, len), &k) || k < 1 || k > n)
		return err_set(err, ERR_CONFIG,
			       "that is no number from 1 to %zu: nothing was changed", n);
	*ret = (size_t)k - 1;
	return 0;
}

static int several(struct module_found *const *with, size_t n, struct err *err)
{
	struct buf list = BUF_INIT;
	int r;

	for (size_t i = 0; i < n; i++)
		buf_addf(&list, "\n  --module %s   (%s)", with[i]->path, with[i]->says);
	r = err_set(err, ERR_CONFIG, "several PKCS#11 modules fit; choose one:%s",
		    buf_str(&list));
	buf_free(&list);
	return r;
}

int setup_module(bool blank, char **ret, struct err *err)
{
	struct modules m;
	struct module_found *with[64];
	size_t n = 0, at = 0;
	int r = 0;

	modules_find(&m);
	modules_probe(&m, isatty(STDERR_FILENO));
	for (size_t i = 0; i < m.n && n < sizeof(with) / sizeof(with[0]); i++)
		if ((blank ? m.v[i].blanks : m.v[i].tokens) > 0)
			with[n++] = &m.v[i];
	if (n == 0)
		r = none(&m, blank, err);
	else if (n > 1 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		r = choose(with, n, &at, err);
	else if (n > 1)
		r = several(with, n, err);
	if (r == 0) {
		fprintf(stderr, "PKCS#11 module: %s (%s)\n", with[at]->path, with[at]->says);
		*ret = xstrdup(with[at]->path);
	}
	modules_free(&m);
	return r;
}
