#!/bin/bash
# Healthy: the emulator answers on TL_HEALTH_PORT, if it is the program of the container; otherwise
# the helper starts. TL_HEALTH_OF names the command instead of the container's first process.
set -eu
command=${TL_HEALTH_OF:-$(tr '\0' ' ' < /proc/1/cmdline)}
case " $command " in
    *' emulator '*)
        exec 3<> "/dev/tcp/127.0.0.1/${TL_HEALTH_PORT:-8899}"
        printf 'GET /_emulator/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
        grep -q '"status":"ok"' <&3 ;;
    *) tl-probe --version > /dev/null ;;
esac
