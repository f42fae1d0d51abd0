/* Where distributions and vendors put their PKCS#11 modules. */
#ifndef GH_MODULES_H
#define GH_MODULES_H

#include <stddef.h>

/*
 * The known modules that are there, at most `max`; returns how many. Static
 * strings. p11-kit's proxy is not among them: it loads every module there is.
 */
size_t modules_found(const char **out, size_t max);

#endif
