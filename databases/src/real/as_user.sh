# Runs a command as somebody who is not root, for servers that refuse root: as the user whom the first argument names, where there is
# one, in a directory of that name, which is theirs. What it keeps in the kernel (System V shared memory) goes with its processes,
# since it has an IPC namespace of its own.
name=$1
shift
mkdir -p "$name"
if [ "$(id -u)" = 0 ]; then
    user=$(id -u "$name" 2>/dev/null || echo 65534)
    # Root of a user namespace has nobody else in it, and becomes somebody in one more of them.
    if chown "$user:$user" "$name" 2>/dev/null; then
        set -- unshare --ipc setpriv "--reuid=$user" "--regid=$user" --clear-groups "$@"
    else
        set -- unshare --user --map-user=1000 --map-group=1000 --ipc "$@"
    fi
fi
cd "$name" && exec "$@"
