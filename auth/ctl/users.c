/*
 * The commands about users.  A password is hashed here: auth, and whoever reads what goes to it,
 * never sees one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/ctl/ask.h"
#include "auth/ctl/print.h"
#include "auth/ctl/secret.h"
#include "auth/hash.h"

static enum ctl_exit hash_new(struct ctl *c, char out[HASH_MAX_BYTES])
{
	char password[PASSWORD_MAX_BYTES + 1];
	const bool by_stdin = c->args->password != NULL;
	enum secret_result got =
		by_stdin ? secret_from_stdin(password, sizeof(password))
			 : secret_from_terminal(c->args->word, password, sizeof(password));
	int r;

	switch (got) {
	case SECRET_GOT:
		r = hash_make(slice_of(password), out);
		explicit_bzero(password, sizeof(password));
		return r < 0 ? ctl_fail("password", strerror(-r)) : CTL_OK;
	case SECRET_BAD:
		return ctl_fail("password", "1 to 256 bytes on one line");
	case SECRET_DIFFERENT:
		return ctl_fail("password", "the two are not the same; nothing was changed");
	case SECRET_NO_TERMINAL:
		return ctl_fail("password", "there is no terminal to ask on; --password - reads it "
					    "from standard input");
	case SECRET_FAILED:
		break;
	}
	return ctl_fail("password", strerror(errno));
}

enum ctl_exit ctl_user_add(struct ctl *c)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlUserAdd add = PB__CTL_USER_ADD__INIT;
	Pb__AuthCtlReply *reply = NULL;
	char hash[HASH_MAX_BYTES];
	enum ctl_exit result = hash_new(c, hash);

	if (result != CTL_OK)
		return result;
	add.username = ctl_text(c->args->word);
	add.uid = ctl_text(c->args->uid);
	add.hash = ctl_text(hash);
	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_ADD;
	request.user_add = &add;
	result = ctl_ask(c, &request, PB__AUTH_CTL_REPLY__RESULT_DONE, &reply);
	if (result != CTL_OK)
		return result;
	print_done(&c->out, "added", reply->done, c->args->json);
	return ctl_flush(c, reply->done->in_force ? CTL_OK : CTL_RECORDED);
}

enum ctl_exit ctl_user_passwd(struct ctl *c)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlUserPasswd passwd = PB__CTL_USER_PASSWD__INIT;
	Pb__AuthCtlReply *reply = NULL;
	char hash[HASH_MAX_BYTES];
	enum ctl_exit result = hash_new(c, hash);

	if (result != CTL_OK)
		return result;
	passwd.username = ctl_text(c->args->word);
	passwd.hash = ctl_text(hash);
	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_PASSWD;
	request.user_passwd = &passwd;
	result = ctl_ask(c, &request, PB__AUTH_CTL_REPLY__RESULT_DONE, &reply);
	if (result != CTL_OK)
		return result;
	print_done(&c->out, "password changed", reply->done, c->args->json);
	if (!c->args->json)
		print_still_good(&c->out, reply->done);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_user_remove(struct ctl *c)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlUserRemove remove = PB__CTL_USER_REMOVE__INIT;
	Pb__AuthCtlReply *reply = NULL;
	enum ctl_exit result;

	remove.username = ctl_text(c->args->word);
	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_REMOVE;
	request.user_remove = &remove;
	result = ctl_ask(c, &request, PB__AUTH_CTL_REPLY__RESULT_DONE, &reply);
	if (result != CTL_OK)
		return result;
	print_done(&c->out, "removed, with all tokens", reply->done, c->args->json);
	return ctl_flush(c, reply->done->in_force ? CTL_OK : CTL_RECORDED);
}

enum ctl_exit ctl_user_list(struct ctl *c)
{
	char after[USERNAME_MAX_BYTES + 1] = "";
	bool more = true;

	for (bool first = true; more; first = false) {
		Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
		Pb__CtlUserList list = PB__CTL_USER_LIST__INIT;
		Pb__AuthCtlReply *reply = NULL;
		const Pb__CtlLogins *logins;
		ProtobufCBinaryData last;
		enum ctl_exit result;

		list.after = ctl_text(after);
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_LIST;
		request.user_list = &list;
		result = ctl_ask(c, &request, PB__AUTH_CTL_REPLY__RESULT_LOGINS, &reply);
		if (result != CTL_OK)
			return result;
		logins = reply->logins;
		print_logins(&c->out, logins, c->args->json, first);
		more = logins->more && logins->n_logins > 0;
		if (more) {
			last = logins->logins[logins->n_logins - 1]->username;
			if (last.len == 0 || last.len >= sizeof(after))
				return ctl_fail(c->path, "a name that is none");
			memcpy(after, last.data, last.len);
			after[last.len] = '\0';
		}
		if (ctl_flush(c, CTL_OK) != CTL_OK)
			return CTL_ERROR;
	}
	return CTL_OK;
}
