"""Why a look-up found no name, and what was done for it."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    # Why an input cannot be used.
    "missing_info_hash": (
        "There is no info-hash here; give a magnet link, or 40 or 64 hex or 32 base32 digits.",
        "缺少 info-hash：请给出磁力链接，或 40 / 64 位十六进制、32 位 base32 的哈希。",
    ),
    "invalid_info_hash": (
        "This is not an info-hash; it has 40 or 64 hex digits, or 32 base32 digits, and is not all zero.",
        "info-hash 无效：应为 40 或 64 位十六进制，或 32 位 base32，且不能全为零。",
    ),
    "magnet_too_large": (
        "This magnet is too large (over 32,768 characters or 500 trackers); shorten it, or give its info-hash alone.",
        "磁力链接过大（超过 32768 个字符或 500 个 tracker）：请缩短，或只给出 info-hash。",
    ),
    # Why a look-up found no name.
    "no_peers": (
        "Nobody has this torrent at the moment; try again another day.",
        "目前没有人持有该种子，请改日再试。",
    ),
    "no_metadata": (
        "There are peers, but none gave the metadata in time; try again later or with a longer time.",
        "找到了节点，但没有一个在限时内给出元数据；请稍后再试，或延长时间。",
    ),
    "no_tracker_answered": (
        "Nobody was found: no tracker that was asked gave a usable answer. Try again later, or with other trackers.",
        "没有找到任何人：被询问的 tracker 都没有给出有效应答。请稍后再试，或换用其他 tracker。",
    ),
    "only_private_peers": (
        "Only peers at private addresses were named; those are left out while TRUENAME_ALLOW_PRIVATE_NETWORK is off.",
        "得到的节点都位于私有地址；TRUENAME_ALLOW_PRIVATE_NETWORK 关闭时不会连接它们。",
    ),
    "bad_name": (
        "The torrent was found, but it has no usable name; asking again does not help.",
        "已找到该种子，但其名称不可用；重试没有帮助。",
    ),
    "deadline": ("No answer within the time given.", "在限定时间内没有得到答复。"),
    "nobody_to_ask": (
        "Nobody could be asked: no tracker or peer was reached and the DHT is not connected. Check the network, "
        "or see `truename doctor`.",
        "无人可问：没有连上任何 tracker 或节点，DHT 也未接通。请检查网络，或运行 `truename doctor`。",
    ),
    "nobody_usable": (
        "Nobody whom this magnet names may be asked: only trackers over http, https and udp are, none in a private "
        "network while TRUENAME_ALLOW_PRIVATE_NETWORK is off. Give a magnet with other trackers.",
        "该磁力链接中没有可以询问的对象：只询问 http、https、udp 的 tracker，"
        "且不询问私有网络地址（除非开启 TRUENAME_ALLOW_PRIVATE_NETWORK）。请给出带其他 tracker 的磁力链接。",
    ),
    "left_to_direct": (
        "Behind a proxy trackers over HTTP are asked by the resolver direct alone; add it to TRUENAME_RESOLVERS.",
        "使用代理时，HTTP tracker 只由解析器 direct 询问；请把它加入 TRUENAME_RESOLVERS。",
    ),
    "cannot_listen": (
        "No network port could be opened, perhaps because another program uses it. Set TRUENAME_LISTEN_INTERFACES to "
        "a free one; `truename doctor` shows which was tried.",
        "无法打开网络端口，可能已被其他程序占用。请将 TRUENAME_LISTEN_INTERFACES 设为空闲端口；"
        "`truename doctor` 会显示尝试过的端口。",
    ),
    "session_failed": (
        "The swarm session could not be started; `truename doctor` says more.",
        "无法启动 swarm 会话；请运行 `truename doctor` 查看详情。",
    ),
    "no_dht_through_proxy": (
        "No DHT node answers through the proxy, which may not carry UDP; trackers are asked nevertheless. If it does "
        "not, set TRUENAME_DHT=off.",
        "经由代理没有 DHT 节点应答，该代理可能不转发 UDP；tracker 仍会被询问。若确实不支持，请设置 TRUENAME_DHT=off。",
    ),
    "dht_needs_address": (
        "DHT: not asked, since TRUENAME_DHT_BOOTSTRAP names hosts, and to look those up would go around "
        "TRUENAME_PROXY; give address:port of a node if the proxy carries UDP",
        "DHT：未启用，因为 TRUENAME_DHT_BOOTSTRAP 中是主机名，解析它们会绕过 TRUENAME_PROXY；"
        "若代理支持 UDP，请改填节点的 地址:端口",
    ),
    "proxy_down": (
        "The proxy of TRUENAME_PROXY does not answer, and nothing goes around it. See that it runs, and that its "
        "address is right.",
        "TRUENAME_PROXY 所指的代理没有应答，而任何内容都不会绕过它。请检查它是否在运行、地址是否正确。",
    ),
    "proxy_refused": (
        "The proxy of TRUENAME_PROXY does not let truename in. See that it is a SOCKS5 proxy, and that user name and "
        "password are right.",
        "TRUENAME_PROXY 所指的代理拒绝了连接。请检查它是否为 SOCKS5 代理、用户名和密码是否正确。",
    ),
    "offline": (
        "TRUENAME_OFFLINE is on, so nobody is asked, and the catalogue does not have this hash. Switch it off to ask.",
        "TRUENAME_OFFLINE 已开启，不会向任何人查询，而目录中没有这个哈希。关闭它即可查询。",
    ),
    "stopping": ("The program is stopping; ask again afterwards.", "程序正在停止，请稍后再试。"),
    "no_dht_node": (
        "No DHT node answers; check that UDP may leave this machine, or set TRUENAME_DHT_BOOTSTRAP.",
        "没有 DHT 节点应答：请检查本机的 UDP 是否可以外出，或设置 TRUENAME_DHT_BOOTSTRAP。",
    ),
    "qbittorrent_missing": (
        "The package qbittorrent-api is not installed; add it in the folder of truename's source with: "
        ".venv/bin/python -m pip install -e '.[qbittorrent]'",
        "未安装 qbittorrent-api；请在 truename 源码目录运行：.venv/bin/python -m pip install -e '.[qbittorrent]'",
    ),
    "qbittorrent_down": (
        "qBittorrent cannot be reached; see that it runs, that its Web UI is on, and that TRUENAME_QBT_URL is right.",
        "无法连接 qBittorrent：请确认它正在运行、Web UI 已启用，且 TRUENAME_QBT_URL 正确。",
    ),
    "qbittorrent_silent": (
        "qBittorrent does not answer in time; see whether it is overloaded or hangs, and restart it if it does.",
        "qBittorrent 未能及时应答：请检查它是否过载或卡死，必要时重启。",
    ),
    "qbittorrent_broken": (
        "qBittorrent, or the proxy before it, answers with an error of its own; its log says more.",
        "qBittorrent 或它前面的代理返回了内部错误，详情见其日志。",
    ),
    "qbittorrent_certificate": (
        "The certificate of qBittorrent's Web UI is not trusted here; name its authority in REQUESTS_CA_BUNDLE.",
        "qBittorrent Web UI 的证书不受信任：请用 REQUESTS_CA_BUNDLE 指定签发它的 CA 证书。",
    ),
    "qbittorrent_password": (
        "qBittorrent refuses the user name or the password; set TRUENAME_QBT_USERNAME and TRUENAME_QBT_PASSWORD.",
        "qBittorrent 拒绝了用户名或密码：请检查 TRUENAME_QBT_USERNAME 和 TRUENAME_QBT_PASSWORD。",
    ),
    "qbittorrent_banned": (
        "qBittorrent has banned this machine after too many wrong passwords; wait an hour, or restart qBittorrent.",
        "由于密码多次错误，qBittorrent 已封禁本机：请等待一小时，或重启 qBittorrent。",
    ),
    "qbittorrent_host": (
        "qBittorrent refuses the host name in TRUENAME_QBT_URL; allow it there under Web UI, server domains.",
        "qBittorrent 拒绝了 TRUENAME_QBT_URL 中的主机名：请在其 Web UI 设置的“服务器域名”中允许它。",
    ),
    "qbittorrent_stranger": (
        "What answers at TRUENAME_QBT_URL is not qBittorrent's Web UI; set the address that a browser shows there.",
        "TRUENAME_QBT_URL 处应答的不是 qBittorrent 的 Web UI：请填写在浏览器中打开它时的地址。",
    ),
    "qbittorrent_too_large": (
        "What answers at TRUENAME_QBT_URL sends more than 32 MiB at once, or without an end; a qBittorrent with so "
        "many torrents cannot be asked, and anything else has another address.",
        "TRUENAME_QBT_URL 处的应答超过 32 MiB 或没有尽头：种子过多的 qBittorrent 无法询问；"
        "如果那里不是 qBittorrent，请改正地址。",
    ),
    "qbittorrent_old": (
        "This qBittorrent is too old; 4.5 or newer is needed.",
        "qBittorrent 版本过旧：需要 4.5 或更新的版本。",
    ),
    "resolver_failed": (
        "A resolver answered that it could not find the name.",
        "解析器回复未能查到名称。",
    ),
    "script_missing": (
        "The script that TRUENAME_SCRIPT_PATH names is not there; put it there, or name another one.",
        "找不到解析器 script 的脚本；请把它放到 TRUENAME_SCRIPT_PATH 所指的位置。",
    ),
    "script_killed": (
        "The script was ended from outside, perhaps because memory was short; it is tried again later.",
        "脚本被外部终止（可能因内存不足），稍后会重试。",
    ),
    "script_not_started": (
        "The script that TRUENAME_SCRIPT_PATH names cannot be run; make it readable and executable, and let its first "
        "line (#!) name a program that is there.",
        "无法运行解析器 script 的脚本；请使其可读且可执行，并确认其首行（#!）所指的程序存在。",
    ),
    "script_no_name": (
        "The script ended well without printing a usable name; it has to print the name as its last line.",
        "解析器 script 的脚本正常结束，但没有输出可用的名称；名称应是它输出的最后一行。",
    ),
    "script_too_much": (
        "The script printed too much and was ended; it has to print little more than the name.",
        "解析器 script 的脚本输出过多，已被终止；它只应输出名称和少量内容。",
    ),
    "script_failed": (
        "The script ended without a name and without a word of why; run it by hand with this info-hash to see.",
        "脚本没有给出名称，也没有说明原因；请用该 info-hash 手动运行它查看。",
    ),
    "resolver_said": ("A resolver answered: {said}", "解析器回复：{said}"),
    "resolver_unavailable": ("Nobody could be asked at that time.", "当时没有可以询问的对象。"),
    "cancelled": ("The task was cancelled.", "任务已取消。"),
    # What was done for a look-up (`timeline.py`).
    "told_line": ("{resolver}: {what}", "{resolver}：{what}"),
    "told_and": ("; ", "；"),
    "told_then": (". ", "。"),
    "told_comma": (", ", "，"),
    "told_peers": ("{count} {count:peer|peers}", "{count} 个节点"),
    "told_trackers": ("asked {count} {count:tracker|trackers}: {peers}", "询问 {count} 个 tracker：{peers}"),
    "told_trackers_part": (
        "asked {count} trackers, {answered} answered: {peers}",
        "询问 {count} 个 tracker，{answered} 个有效应答：{peers}",
    ),
    "told_trackers_mute": (
        "asked {count} {count:tracker|trackers}: no usable answer",
        "询问 {count} 个 tracker：没有有效应答",
    ),
    "told_left_out": (
        ", {count} at {count:a private address|private addresses}, left out",
        "，其中 {count} 个位于私有地址，未连接",
    ),
    "told_dht_no_node": ("asked the DHT: {peers}", "询问 DHT：{peers}"),
    "told_dht": ("DHT {nodes} {nodes:node|nodes}: {peers}", "DHT {nodes} 个节点：{peers}"),
    "told_tried": ("tried {peers}", "尝试 {peers}"),
    "told_refused": ("{count} refused", "{count} 个拒绝"),
    "told_silent": ("{count} gave nothing", "{count} 个未给出元数据"),
    "told_lied": ("{count} lied", "{count} 个说谎"),
    "told_too_large": ("{count} with more than 4 MiB of metadata", "{count} 个的元数据超过 4 MiB"),
    "told_known": ("known from before", "此前已知"),
    "told_tracker_said": ("a tracker said: {said}", "tracker 回复：{said}"),
    "told_said": ("said: {said}", "回复：{said}"),
    "ended_named": ("gave the name", "给出了名称"),
    "ended_claimed": ("claims a name, without proof", "声称一个名称，未经证实"),
    "ended_stopped": ("not waited for any longer", "不再等待"),
    "ended_nobody_to_ask": ("nobody to ask", "无人可问"),
    "ended_nobody_usable": ("nobody whom the magnet names may be asked", "磁力链接所指的对象均不可询问"),
    "ended_left_to_direct": ("left to direct", "交由 direct 询问"),
    "ended_no_peers": ("deadline", "超时"),
    "ended_no_metadata": ("deadline", "超时"),
    "ended_deadline": ("deadline", "超时"),
    "ended_bad_name": ("the torrent has no usable name", "种子没有可用的名称"),
    "ended_resolver_failed": ("failed", "失败"),
    "ended_script_no_name": ("gave no usable name", "没有给出可用的名称"),
    "ended_script_too_much": ("printed too much", "输出过多"),
    "ended_script_failed": ("failed without a word", "失败，没有说明原因"),
    "ended_resolver_unavailable": ("not available", "不可用"),
    "step_nobody": (
        "Next: give a magnet with other trackers, or see with `truename doctor` whether the DHT is on and answers.",
        "下一步：给出带其他 tracker 的磁力链接，或运行 `truename doctor` 查看 DHT 是否已打开并有应答。",
    ),
    "step_trackers": (
        "Next: ask with other trackers, or with the DHT; the trackers that answered know nobody.",
        "下一步：换用其他 tracker 或 DHT 再查；已应答的 tracker 没有节点。",
    ),
    "step_trackers_mute": (
        "Next: ask with other trackers, or with the DHT; none of the trackers asked gave a usable answer.",
        "下一步：换用其他 tracker 或 DHT 再查；已询问的 tracker 都没有给出有效应答。",
    ),
    "step_private": (
        "Next: set TRUENAME_ALLOW_PRIVATE_NETWORK=on if those addresses belong to this network, or ask again later.",
        "下一步：如果这些地址属于本地网络，请设置 TRUENAME_ALLOW_PRIVATE_NETWORK=on；否则请稍后再查。",
    ),
    "step_refused": (
        "Next: check that TCP may leave this machine, or ask later; most of the peers could not be spoken to.",
        "下一步：请检查本机的 TCP 是否可以外出，或稍后再查；大多数节点无法通话。",
    ),
    "step_too_large": (
        "Next: add the magnet to a torrent client to see its name; more than 4 MiB of metadata is not taken here.",
        "下一步：把磁力链接加入种子客户端查看名称；此处不接收超过 4 MiB 的元数据。",
    ),
    "step_slow": (
        "Next: ask again later, or give it more time (TRUENAME_LOOKUP_TIMEOUT_S).",
        "下一步：稍后再查，或给它更多时间（TRUENAME_LOOKUP_TIMEOUT_S）。",
    ),
    "step_other_way": (
        "Next: ask in other ways as well, by adding {ways} to TRUENAME_RESOLVERS, or ask again later.",
        "下一步：将 {ways} 加入 TRUENAME_RESOLVERS 以同时使用其他方式，或稍后再查。",
    ),
    "step_later": (
        "Next: ask again later, or save the magnet in a note, where it is asked for again by itself.",
        "下一步：稍后再查，或把磁力链接存入笔记，系统会自动再次查询。",
    ),
}
