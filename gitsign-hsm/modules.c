#include "modules.h"

#include <unistd.h>

static const char *const known[] = {
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib64/softhsm/libsofthsm2.so",
	"/usr/lib/x86_64-linux-gnu/libykcs11.so",
	"/usr/lib64/libykcs11.so.2",
	"/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
	"/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so",
	"/usr/lib64/pkcs11/opensc-pkcs11.so",
	"/usr/lib/x86_64-linux-gnu/pkcs11/yubihsm_pkcs11.so",
	"/usr/lib/x86_64-linux-gnu/libtpm2_pkcs11.so.1",
	"/opt/cloudhsm/lib/libcloudhsm_pkcs11.so",
	"/opt/nfast/toolkits/pkcs11/libcknfast.so",
	"/usr/safenet/lunaclient/lib/libCryptoki2_64.so",
};

size_t modules_found(const char **out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && n < max; i++) {
		if (access(known[i], R_OK) == 0)
			out[n++] = known[i];
	}
	return n;
}
