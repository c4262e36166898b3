# Runs a command as somebody who is not root, in $PWD/postgres, which is theirs: PostgreSQL refuses root. What it keeps in the kernel
# (System V shared memory) goes with its processes, since it has an IPC namespace of its own.
mkdir -p postgres
if [ "$(id -u)" = 0 ]; then
    user=$(id -u postgres 2>/dev/null || echo 65534)
    # Root of a user namespace has nobody else in it, and becomes somebody in one more of them.
    if chown "$user:$user" postgres 2>/dev/null; then
        set -- unshare --ipc setpriv "--reuid=$user" "--regid=$user" --clear-groups "$@"
    else
        set -- unshare --user --map-user=1000 --map-group=1000 --ipc "$@"
    fi
fi
cd postgres && exec "$@"
