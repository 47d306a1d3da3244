#!/bin/sh
# Makes the folders and secrets of deploy/compose.yaml for a rehearsal:  sh make_box.sh FOLDER
# As root, because each file belongs to the account in the container that reads it. What is there already stays.
# POSTGRES_UID: the number of PostgreSQL's account in its image; 999 in the official one.
set -eu
umask 077
box=${1:?Name the folder: sh make_box.sh FOLDER}
node=10001
postgres=${POSTGRES_UID:-999}

# Six random words would do for a person; nobody types these, so they are 32 random bytes in hexadecimal.
secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

keep() { # keep FILE OWNER: standard input becomes FILE, unless it is there
  if [ ! -e "$1" ]; then
    cat > "$1.new"
    chown "$2:$2" "$1.new"
    chmod 0400 "$1.new"
    mv "$1.new" "$1"
  fi
}

# Somebody else's folder may hold a link, or a passphrase that he knows.
if [ -L "$box" ] || { [ -e "$box" ] && [ "$(stat -c %u "$box")" != "$(id -u)" ]; } ||
  [ -n "$(find "$box" -maxdepth 0 \( -perm -0020 -o -perm -0002 \) 2>/dev/null)" ]; then
  echo "make_box: $box is there, and others may write to it or own it. Name a folder that is not there yet." >&2
  exit 1
fi
mkdir -p "$box"
# Closed to the host: numbers of accounts in containers may be those of other accounts here.
chmod 0700 "$box"
for name in shelter hotline police police-db relay board; do
  mkdir -p "$box/$name/files"
  chmod 0711 "$box/$name"
  chmod 0700 "$box/$name/files"
  chown "$node:$node" "$box/$name/files"
done
for name in shelter hotline police board; do
  secret | keep "$box/$name/passphrase" "$node"
done
if [ ! -e "$box/police-db/password" ]; then
  password=$(secret)
  # Of printf that is built into the shell: in no process list.
  printf 'postgresql://blindmatch:%s@/blindmatch?host=/run/postgresql\n' "$password" | keep "$box/police/database" "$node"
  printf '%s\n' "$password" | keep "$box/police-db/password" "$postgres"
fi
