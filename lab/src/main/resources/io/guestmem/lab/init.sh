#!/bin/busybox sh
# The first process of the lab's guest. Ports: ttyS0 console, ttyS1 the program's output, ttyS2 its errors; vda takes the
# archive of what it leaves. Everything the program says passes a pipe, so that it does not take the port for a terminal.
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /root /out /etc
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root LC_ALL=C.UTF-8 GUESTMEM_IN_LAB=1
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
# khugepaged zaps guest memory whenever it likes: what a program sees must not depend on that.
khugepaged=/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs
[ -w $khugepaged ] && echo 4294967295 > $khugepaged
for module in /modules/*.ko; do
    [ -f "$module" ] && insmod "$module"
done
ifconfig lo 127.0.0.1 up
echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd
echo '127.0.0.1 localhost' > /etc/hosts
stty -F /dev/ttyS1 raw 115200
stty -F /dev/ttyS2 raw 115200
mkfifo /run/output /run/errors
cat /run/output > /dev/ttyS1 &
cat /run/errors > /dev/ttyS2 &
echo 'guestmem-lab: started'
cd /out
sh /guestmem/program < /dev/null > /run/output 2> /run/errors
echo $? > /status
wait
cd /
{ echo status; find out; } | cpio -o -H newc > /dev/vda
sync
poweroff -f
