/* The object identifiers of CMS (RFC 5652, 5035, 6211, 8551, 3161), content octets. */
#ifndef GH_SIG_CMS_OID_H
#define GH_SIG_CMS_OID_H

#include "base/bytes.h"

#define PKCS9 "\x2a\x86\x48\x86\xf7\x0d\x01\x09"
#define OID(s) ((struct bytes){ (const uint8_t *)(s), sizeof(s) - 1 })

#define OID_DATA OID("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
#define OID_SIGNED_DATA OID("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
#define OID_CONTENT_TYPE OID(PKCS9 "\x03")
#define OID_MESSAGE_DIGEST OID(PKCS9 "\x04")
#define OID_SIGNING_TIME OID(PKCS9 "\x05")
#define OID_SMIME_CAPABILITIES OID(PKCS9 "\x0f")
#define OID_SIGNING_CERTIFICATE OID(PKCS9 "\x10\x02\x0c")
#define OID_SIGNING_CERTIFICATE_V2 OID(PKCS9 "\x10\x02\x2f")
#define OID_ALGORITHM_PROTECTION OID(PKCS9 "\x34")
#define OID_TIME_STAMP_TOKEN OID(PKCS9 "\x10\x02\x0e")
#define OID_TST_INFO OID(PKCS9 "\x10\x01\x04")
/* 1.3.6.1.4.1.57264.3.1: the transparency log entry that gitsign attaches */
#define OID_GITSIGN_ENTRY OID("\x2b\x06\x01\x04\x01\x83\xbf\x30\x03\x01")

#endif
