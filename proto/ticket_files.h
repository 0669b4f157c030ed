/*
 * ticket_files: the ticket keys on disk, which auth makes and the router reads: dir/<id>.key, 0640
 * and 32 bytes.  `ticket.key` of earlier versions is the key with id 1.
 */
#ifndef POSTERN_PROTO_TICKET_FILES_H
#define POSTERN_PROTO_TICKET_FILES_H

#include "proto/ticket.h"

/* The kernel's boot id into buf as text; 0, or -errno. */
int boot_id_read(char buf[40]);

/* Makes the key of that id (32 random bytes, complete and synced before it has its name) unless it
 * is there; 0 or -errno. */
int ticket_file_make(const char *dir, unsigned char id);
/* Reads it.  -EACCES when others may read or write it.  -ENOENT: it is not there. */
int ticket_file_read(const char *dir, unsigned char id, unsigned char out[TICKET_KEY_BYTES]);
/* 0 too when it was not there. */
int ticket_file_remove(const char *dir, unsigned char id);

/*
 * The ids of the keys that are there, the oldest first; how many, or -errno.  -E2BIG: more than
 * TICKET_KEYS_MAX.  A ticket.key counts as 1 while no other is there.
 */
int ticket_files_ids(const char *dir, unsigned char out[TICKET_KEYS_MAX]);

/* Auth's start: renames ticket.key, and makes a first key where there is none.  0 or -errno. */
int ticket_files_adopt(const char *dir);

/* All keys, with this boot's id; the oldest mints.  0 and an owned *out, or -errno; -ENOENT: none
 * yet. */
int ticket_keys_load(struct ticket_keys **out, const char *dir);
/* Adds that one to keys; 0, too when it is in there already, or -errno. */
int ticket_keys_load_one(struct ticket_keys *keys, const char *dir, unsigned char id);

#endif
