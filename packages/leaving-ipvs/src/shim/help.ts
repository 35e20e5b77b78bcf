// What `ipvsadm -v` and `-h` print: scripts ask for the version, people for the options.

/** The version whose grammar and formats these are: scripts look for it. */
export const versionText = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)";

/** The grammar in short. */
export const helpText = `${versionText}
This is Yardmaster's: ipvsadm's commands, carried out by the running director.

Services   -A | -E  SERVICE [-s SCHEDULER] [-b FLAG,…] [-p [SECONDS] [-M NETMASK]] [-o]     add, edit
           -D  SERVICE                                                                  delete
Servers    -a | -e  SERVICE -r ADDRESS[:PORT] [-g | -i | -m] [-w WEIGHT] [-x UPPER] [-y LOWER]
                    [--tun-type ipip | gue | gre] [--tun-port PORT] [--tun-csum | --tun-nocsum]
           -d  SERVICE -r ADDRESS[:PORT]                                                delete
SERVICE    -t ADDRESS:PORT (tcp)   -u ADDRESS:PORT (udp)   -f MARK [-6]
Listings   -L [-n] [SERVICE] [--stats | --rate | --thresholds | --persistent-conn | --tun-info] [--exact] [--nosort]
           -L -c [-n]   connections         -L --timeout   timeouts
Rules      -S [-n]   print them             -R   read them from standard input
Others     -C   delete all services         --set TCP TCPFIN UDP   timeouts in seconds, 0 keeps one
           -Z [SERVICE]   have --stats begin at zero (metrics and \`yardmaster status\` go on)
Forwarding -g direct routing (usual)   -i tunnelling   -m NAT
Not here   --start-daemon, --stop-daemon, --sctp-service, --pe

Long names as ipvsadm has them: --add-service, --tcp-service, --real-server, --masquerading …`;
