#include <string.h>

#include "token/token_internal.h"

int token_ping(struct token *t, struct err *err)
{
	CK_SESSION_INFO info;
	CK_RV rv;

	if (!t->has_session)
		return 0;
	memset(&info, 0, sizeof(info));
	rv = TOKEN_CALL(t, C_GetSessionInfo, t->session, &info);
	if (rv != CKR_OK)
		return ckr_error(err, t, "C_GetSessionInfo", rv);
	if (t->logged_in && info.state != CKS_RO_USER_FUNCTIONS &&
	    info.state != CKS_RW_USER_FUNCTIONS)
		return err_set(err, ERR_TOKEN, "%s: the token logged us out", t->module);
	return 0;
}
