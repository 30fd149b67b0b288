#!/bin/sh
# Sets up the image: certificates, tl, a user without rights, the health check. Usage: set-up.sh DIR,
# with the packages in DIR. Without network, certificates are skipped if they are there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
    apt-get update
    apt-get install --yes --no-install-recommends ca-certificates
    rm -rf /var/lib/apt/lists/*
fi
"$1/install.sh" --from "$1" --prefix /usr/local
install -m 755 "$here/health.sh" /usr/local/bin/tl-container-health
useradd --system --create-home --home-dir /var/lib/tl --uid 10001 tl
mkdir -p /work
