# A node of PostgreSQL: makes its data if there are none, and runs the server. The first argument says whose copy it begins as, by a
# connection string; it is empty for the first primary. The others are the server's settings, a line each.
#
# `follow` holds a connection string while a new copy is wanted; whoever writes one and ends the server gets the data made anew.
first=$1
shift
for bin in /usr/lib/postgresql/*/bin; do
    if [ -d "$bin" ]; then PATH=$bin:$PATH; fi
done
if [ -n "$first" ] && [ ! -e data ]; then echo "$first" >follow; fi
while :; do
    rm -rf copy
    if [ -e follow ]; then
        rm -rf data
        from=$(cat follow)
        # Files need not be synced: no fault here takes the power from the whole machine.
        until pg_basebackup -d "$from" -D copy -X stream -c fast --no-sync; do
            rm -rf copy
            sleep 0.2
        done
        touch copy/standby.signal
        echo "primary_conninfo = '$from'" >>copy/postgresql.auto.conf
        mv copy data
        rm follow
    elif [ ! -e data ]; then
        initdb -D copy -U postgres -A trust --no-locale -E UTF8 --wal-segsize=1 --no-sync >/dev/null || exit
        echo "host all,replication all samenet trust" >>copy/pg_hba.conf
        mv copy data
    fi
    printf '%s\n' "$@" >data/postgresql.conf
    postgres -D data
    status=$?
    if [ ! -e follow ]; then exit $status; fi
done
