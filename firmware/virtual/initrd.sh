#!/bin/busybox sh
# Starts the system of one of two disks, found by their serial numbers: which one, `slots` says (firmware/update); without
# its disk, the first. The root is never written.
set -u
PATH=/bin
for program in $(/bin/busybox --list); do /bin/busybox ln -s busybox "/bin/$program" 2>/dev/null; done
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do insmod "/modules/$module"; done </modules/order

disk() { # the device whose serial number is $1
    for serial in /sys/block/vd*/serial; do
        [ "$(cat "$serial")" = "$1" ] && basename "$(dirname "$serial")" && return
    done
    return 1
}

until disk system-a >/dev/null; do sleep 0.1; done
slot=a
if chooser=$(disk slots); then slot=$(HOMEWARD_SLOTS=/dev/$chooser sh /slots choose); fi
until device=$(disk "system-$slot"); do sleep 0.1; done
echo "starting system $slot"
mount -t ext4 -o ro "/dev/$device" /root || { echo "the root on /dev/$device can't be mounted"; poweroff -f; }
umount /sys /proc
exec switch_root /root /sbin/init
