# A node of MariaDB with Galera. The first argument is "first" for the node that begins a new cluster, once; the others are the server's
# options. A node that has no data gets those of another one.
first=$1
shift
PATH=$PATH:/usr/sbin:/sbin
TMPDIR=$PWD
export PATH TMPDIR
new=
if [ ! -e data ]; then
    if [ "$first" = first ]; then
        rm -rf copy
        mariadb-install-db --no-defaults --datadir="$PWD/copy" --auth-root-authentication-method=normal --skip-test-db \
            --innodb-log-file-size=16M --innodb-fast-shutdown=0 >/dev/null || exit
        mv copy data
        new=--wsrep-new-cluster
    else
        mkdir data
    fi
fi
while :; do
    # How far a killed node has got stands in its tables alone. Who says so to the others need not get everything anew.
    position=
    if [ -z "$new" ] && [ -e data/ibdata1 ] && [ ! -e data/sst_in_progress ]; then
        recovered=$(mariadbd "$@" --wsrep-recover 2>&1 | sed -n 's/.*Recovered position: *//p' | tail -n 1)
        if [ -n "$recovered" ]; then position=--wsrep-start-position=$recovered; fi
    fi
    mariadbd "$@" $new $position
    status=$?
    # A node that nobody lets in ends with 1, and is to be started again; whatever ends otherwise gave up.
    if [ $status != 1 ]; then exit $status; fi
    echo "perjury: the server ended with 1 and is started again"
    new=
    sleep 0.5
done
