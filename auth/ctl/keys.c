/*
 * The commands about keys.
 */
#include "auth/ctl/ask.h"
#include "auth/ctl/print.h"

static enum ctl_exit keys_ask(struct ctl *c, Pb__AuthCtlRequest *request)
{
	Pb__AuthCtlReply *reply = NULL;
	enum ctl_exit result = ctl_ask(c, request, PB__AUTH_CTL_REPLY__RESULT_KEYS, &reply);

	if (result != CTL_OK)
		return result;
	print_keys(&c->out, reply->keys, c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_keys_list(struct ctl *c)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlKeysList list = PB__CTL_KEYS_LIST__INIT;

	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_KEYS_LIST;
	request.keys_list = &list;
	return keys_ask(c, &request);
}

enum ctl_exit ctl_keys_rotate(struct ctl *c)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlKeysRotate rotate = PB__CTL_KEYS_ROTATE__INIT;

	rotate.what = c->args->what;
	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_KEYS_ROTATE;
	request.keys_rotate = &rotate;
	return keys_ask(c, &request);
}
