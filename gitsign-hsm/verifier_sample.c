#include "verifier.h"

#include "trust/trust.h"

/* Made for this by the system tests' authority and a key in a token, which are gone. */
static const char payload[] = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
			      "parent 012f02cf4e4e69324a59d77ed1698a7bf6155313\n"
			      "author alice <alice@example.com> 1795700589 +0000\n"
			      "committer alice <alice@example.com> 1795700589 +0000\n"
			      "\n"
			      "x\n";
static const char armor[] = "-----BEGIN SIGNED MESSAGE-----\n"
			    "MIIDOwYJKoZIhvcNAQcCoIIDLDCCAygCAQExDTALBglghkgBZQMEAgEwCwYJKoZI\n"
			    "hvcNAQcBoIIBxzCCAcMwggFpoAMCAQICCEoybUTINolhMAoGCCqGSM49BAMCMB4x\n"
			    "HDAaBgNVBAMME1Rlc3QgYXV0aG9yaXR5IHJvb3QwHhcNMjYxMTI2MTM0MzAyWhcN\n"
			    "MjYxMjI2MTM0MzAyWjAQMQ4wDAYDVQQDDAVhbGljZTBZMBMGByqGSM49AgEGCCqG\n"
			    "SM49AwEHA0IABLqB5CDcDvujKEJA3VwGlNK8jnyQPDHXd0yD8sJ6xjic7tSvdW8r\n"
			    "OcqOOF/WxcN4vHw8s5aR+/TGok+IKRhXtLajgZ4wgZswDAYDVR0TAQH/BAIwADAO\n"
			    "BgNVHQ8BAf8EBAMCB4AwHQYDVR0lBBYwFAYIKwYBBQUHAwMGCCsGAQUFBwMEMBwG\n"
			    "A1UdEQQVMBOBEWFsaWNlQGV4YW1wbGUuY29tMB0GA1UdDgQWBBR7FH0z0+uCzcj8\n"
			    "L2ihCqvysClCtzAfBgNVHSMEGDAWgBSPvxc3hMmkYdrIEyas8/9PLEFM+TAKBggq\n"
			    "hkjOPQQDAgNIADBFAiEAk8AV4qkdJ3ENIB+QFzWmhPN8UEXtuO1PXlHMka36I7AC\n"
			    "IAljXBjMiDplwByGn6kZErPoU6inbNH+hPtU51mBoDh5MYIBOjCCATYCAQEwKjAe\n"
			    "MRwwGgYDVQQDDBNUZXN0IGF1dGhvcml0eSByb290AghKMm1EyDaJYTALBglghkgB\n"
			    "ZQMEAgGggaIwGAYJKoZIhvcNAQkDMQsGCSqGSIb3DQEHATAcBgkqhkiG9w0BCQUx\n"
			    "DxcNMjYxMTI2MTM0MzA5WjAvBgkqhkiG9w0BCQQxIgQggsJ7ilRg0pdCoDATTiYl\n"
			    "9z1SNmGgH2lxZMMr4svLQWMwNwYLKoZIhvcNAQkQAi8xKDAmMCQwIgQghbbdkfG+\n"
			    "z2ONYOb/tGaQ5CsX8QoAD2fi5tQZbMSWwq8wCgYIKoZIzj0EAwIERzBFAiAjYN7X\n"
			    "EayY2HCQwS3QXvO/aJkJgPsdl9Kr9G7mG4ZCRgIhAK9V2YxULl+4nO77nvWsUY6w\n"
			    "yteEevbOTeXVwA/Yy+aB\n"
			    "-----END SIGNED MESSAGE-----\n";
static const char root[] = "-----BEGIN CERTIFICATE-----\n"
			   "MIIBgTCCASagAwIBAgIURPbkHBoHvDGOsyTFVnccZ9MNVY0wCgYIKoZIzj0EAwIw\n"
			   "HjEcMBoGA1UEAwwTVGVzdCBhdXRob3JpdHkgcm9vdDAeFw0yNjExMjYxMzQzMDJa\n"
			   "Fw0yNjEyMjYxMzQzMDJaMB4xHDAaBgNVBAMME1Rlc3QgYXV0aG9yaXR5IHJvb3Qw\n"
			   "WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR9heLunrZj2XNfTQeVqf+QwrqQ6yaB\n"
			   "hDnEuaMg1K8hZWJSfk4AaWM0sw8gcupHgHYikVAvVMuAQFYbZTaFOCvlo0IwQDAP\n"
			   "BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUj78XN4TJ\n"
			   "pGHayBMmrPP/TyxBTPkwCgYIKoZIzj0EAwIDSQAwRgIhAIM9mWG1VW2eap8R9H0E\n"
			   "3K9ZNBgbODYqkgeRY1bFuVfwAiEAzH2YfXGEw5ECFmN5baM50iL87vybGnt/EaI+\n"
			   "yy2SYmg=\n"
			   "-----END CERTIFICATE-----\n";
#define SIGNED 1795700589 /* the certificates are judged as of then */

bool verifier_sample(void)
{
	struct bytes data = bytes_str(payload);
	struct trust *t = trust_new(NULL);
	struct verdict v = { .level = VERDICT_BAD };

	if (trust_add_roots(t, "sample", bytes_str(root), NULL) == 0)
		trust_judge(t, &data, 1, bytes_str(armor), SIGNED, &v);
	trust_free(t);
	return v.level == VERDICT_GOOD;
}
