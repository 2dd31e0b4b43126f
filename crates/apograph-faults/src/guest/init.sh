#!/bin/busybox sh
# The first process of the guest: puts its root together, and goes over to it.
# With `set -e`, whatever fails ends this process, the kernel panics, and qemu ends.
set -e
/bin/busybox mkdir -p /proc /host /more /own /root /sbin /usr/bin /usr/sbin
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
modprobe -a virtio_pci 9pnet_virtio 9p overlay loop
mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 host /host
mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 more /more
mount -t tmpfs own /own
mkdir /own/upper /own/work
mount -t overlay -o lowerdir=/more:/host,upperdir=/own/upper,workdir=/own/work root /root
mount -t devtmpfs dev /root/dev
mkdir -p /root/dev/shm /root/dev/pts
mount -t tmpfs -o mode=1777 shm /root/dev/shm
mount -t devpts pts /root/dev/pts
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount -t tmpfs run /root/run
mkdir /root/run/told
mount -t 9p -o trans=virtio,version=9p2000.L told /root/run/told
ip link set lo up
echo > /root/run/told/started
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec switch_root /root /bin/sh -c '. /run/told/command; exec busybox poweroff -f'
