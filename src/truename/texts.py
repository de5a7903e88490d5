"""Every sentence a person reads, in English and Chinese. Pure; knows no code but the words it is asked for.

A text never holds an address, a path or a credential of its own; a command may add what it is about.
"""

from collections.abc import Mapping
from enum import Enum


class Language(Enum):
    """What a person reads. The value is the index into each pair of `TEXTS`."""

    ENGLISH = 0
    CHINESE = 1


def language_of(environment: Mapping[str, str]) -> Language:
    """The language of a command's user, by the variables that name it.

    Source: POSIX.1-2017, 8.2 (LC_ALL before LC_MESSAGES before LANG).
    """
    named = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "")
    return Language.CHINESE if named.lower().startswith("zh") else Language.ENGLISH


def say(word: str, language: Language, /, **fields: object) -> str:
    """The sentence for a word, with its fields filled in. A word without a sentence is a mistake: `KeyError`."""
    text = TEXTS[word][language.value]
    return text.format(**fields) if fields else text


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
        "The package qbittorrent-api is not installed; add it with: pip install 'truename[qbittorrent]'",
        "未安装 qbittorrent-api；请运行：pip install 'truename[qbittorrent]'",
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
    "qbittorrent_old": (
        "This qBittorrent is too old; 4.5 or newer is needed.",
        "qBittorrent 版本过旧：需要 4.5 或更新的版本。",
    ),
    "resolver_failed": (
        "A resolver answered that it could not find the name.",
        "解析器回复未能查到名称。",
    ),
    "script_missing": (
        "The script of the resolver script is not there; put it where TRUENAME_SCRIPT_PATH says.",
        "找不到解析器 script 的脚本；请把它放到 TRUENAME_SCRIPT_PATH 所指的位置。",
    ),
    "script_not_started": (
        "The script of the resolver script cannot be run; make it readable and executable.",
        "无法运行解析器 script 的脚本；请使其可读且可执行。",
    ),
    "resolver_said": ("A resolver answered: {said}", "解析器回复：{said}"),
    "resolver_unavailable": ("Nobody could be asked at that time.", "当时没有可以询问的对象。"),
    "cancelled": ("The task was cancelled.", "任务已取消。"),
    # What was done for a look-up (`timeline.py`).
    "told_line": ("{resolver}: {what}", "{resolver}：{what}"),
    "told_and": ("; ", "；"),
    "told_then": (". ", "。"),
    "told_comma": (", ", "，"),
    "told_peer": ("{count} peer", "{count} 个节点"),
    "told_peers": ("{count} peers", "{count} 个节点"),
    "told_tracker": ("asked 1 tracker: {peers}", "询问 1 个 tracker：{peers}"),
    "told_trackers": ("asked {count} trackers: {peers}", "询问 {count} 个 tracker：{peers}"),
    "told_dht_node": ("DHT 1 node: {peers}", "DHT 1 个节点：{peers}"),
    "told_dht": ("DHT {nodes} nodes: {peers}", "DHT {nodes} 个节点：{peers}"),
    "told_tried": ("tried {peers}", "尝试 {peers}"),
    "told_refused": ("{count} refused", "{count} 个拒绝"),
    "told_silent": ("{count} silent", "{count} 个无回应"),
    "told_lied": ("{count} lied", "{count} 个说谎"),
    "told_known": ("known from before", "此前已知"),
    "told_said": ("said: {said}", "回复：{said}"),
    "ended_named": ("gave the name", "给出了名称"),
    "ended_claimed": ("claims a name, without proof", "声称一个名称，未经证实"),
    "ended_stopped": ("not waited for any longer", "不再等待"),
    "ended_nobody_to_ask": ("nobody to ask", "无人可问"),
    "ended_no_peers": ("deadline", "超时"),
    "ended_no_metadata": ("deadline", "超时"),
    "ended_deadline": ("deadline", "超时"),
    "ended_bad_name": ("the torrent has no usable name", "种子没有可用的名称"),
    "ended_resolver_failed": ("failed", "失败"),
    "ended_resolver_unavailable": ("not available", "不可用"),
    "step_nobody": (
        "Next: give a magnet with trackers, or switch the DHT on.",
        "下一步：给出带 tracker 的磁力链接，或打开 DHT。",
    ),
    "step_trackers": (
        "Next: ask with other trackers, or with the DHT; the trackers asked know nobody.",
        "下一步：换用其他 tracker 或 DHT 再查；已询问的 tracker 没有节点。",
    ),
    "step_refused": (
        "Next: check that TCP may leave this machine, or ask later; the peers could not be spoken to.",
        "下一步：请检查本机的 TCP 是否可以外出，或稍后再查；无法与这些节点通话。",
    ),
    "step_later": (
        "Next: ask again later, or save the magnet in a note, where it is asked for again by itself.",
        "下一步：稍后再查，或把磁力链接存入笔记，系统会自动再次查询。",
    ),
    # What a command says of its input and output.
    "nothing_given": (
        "Nothing to look up: give magnets or hashes, --file, or lines on standard input.",
        "没有要查询的内容：请给出磁力链接或哈希、--file，或从标准输入按行读入。",
    ),
    "nothing_to_fix": (
        "Nothing to fix: name a file, or pipe a text in.",
        "没有要修正的内容：请指定文件，或通过管道输入文本。",
    ),
    "standard_input": ("standard input", "标准输入"),
    "empty_input": ("{what}: is empty; nothing was done.", "{what}：内容为空，未做任何操作。"),
    "no_request_in": (
        "{what}: holds no magnet and no info-hash.",
        "{what}：其中没有磁力链接或 info-hash。",
    ),
    "no_magnet_in": ("{what}: holds no magnet; it stays as it is.", "{what}：其中没有磁力链接，保持原样。"),
    "binary_input": ("{what}: is not a text that can be read.", "{what}：不是可以读取的文本。"),
    "line_too_long": ("{what}: has a line of over 64 million characters.", "{what}：有一行超过 6400 万个字符。"),
    "not_a_file": ("{what}: is not a regular file; it stays as it is.", "{what}：不是普通文件，保持原样。"),
    "output_failed": ("The output could not be written: {why}.", "无法写出结果：{why}。"),
    "cannot_read": ("{what}: cannot be read: {why}.", "{what}：无法读取：{why}。"),
    "cannot_write": (
        "{what}: cannot be written: {why}. It is as it was.",
        "{what}：无法写入：{why}。文件保持原样。",
    ),
    "changed_meanwhile": (
        "{what}: was changed by another program meanwhile, so it was left alone; run the command again.",
        "{what}：查询期间被其他程序修改，因此未改动；请重新运行。",
    ),
    "name_too_long": (
        "{info_hash}  The name was found, but the magnet would become too large with it; it stays as it is.",
        "{info_hash}  已找到名称，但写入后磁力链接会过大，因此保持原样。",
    ),
    "in_place_needs_files": (
        "--in-place needs files; standard input cannot be changed.",
        "--in-place 需要文件；标准输入无法就地修改。",
    ),
    "bad_timeout": (
        "--timeout must be a number of seconds over 0 and at most 86400.",
        "--timeout 必须是大于 0、不超过 86400 的秒数。",
    ),
    "progress": ("named {named}, not named {unnamed}", "已得名称 {named}，未得 {unnamed}"),
    # Settings.
    "unknown_setting": (
        "{name} is not a setting of this version and has no effect; `truename settings` lists them.",
        "{name} 不是本版本的设置项，不起作用；`truename settings` 会列出全部设置。",
    ),
    "data_dir_in_file": (
        "data_dir has no effect in a settings file, which stands in that folder; set TRUENAME_DATA_DIR.",
        "data_dir 写在设置文件中不起作用，因为该文件就在那个文件夹里；请设置 TRUENAME_DATA_DIR。",
    ),
    "bad_setting": ("{name}: {value} cannot be used; it must be {rule}.", "{name}：{value} 无法使用；应为：{rule}。"),
    "bad_settings_file": (
        "{what}: cannot be used as settings: {why}.",
        "{what}：无法作为设置文件读取：{why}。",
    ),
    "hidden": ("(hidden)", "（已隐藏）"),
    "settings_title": (
        "Settings, from the environment or {file} (the environment wins)",
        "设置，来自环境变量或 {file}（环境变量优先）",
    ),
    "column_name": ("Setting", "设置"),
    "column_value": ("Value", "值"),
    "column_from": ("From", "来源"),
    "column_help": ("Meaning", "含义"),
    "from_default": ("default", "默认"),
    "from_environment": ("environment", "环境变量"),
    "from_file": ("file", "文件"),
    "rule_seconds": ("a number of seconds over 0 and at most 86400", "大于 0、不超过 86400 的秒数"),
    "rule_long_seconds": ("a number of seconds over 0 and at most ten years", "大于 0、不超过十年的秒数"),
    "rule_backup_interval": ("0, or a number of seconds up to ten years", "0，或不超过十年的秒数"),
    "rule_backup_keep": ("a whole number from 1 to 10000", "1 到 10000 的整数"),
    "rule_mode": ("async, sync or off", "async、sync 或 off"),
    "rule_slots": ("a whole number from 1 to 100000", "1 到 100000 的整数"),
    "rule_webhook": ("an http or https URL", "http 或 https 网址"),
    "rule_text": ("a text", "一段文字"),
    "rule_file": ("a file", "一个文件"),
    "rule_list": ("a list", "一个列表"),
    "rule_script_slots": ("a whole number from 1 to 1000", "1 到 1000 的整数"),
    "rule_attempts": ("a whole number from 1 to 100", "1 到 100 的整数"),
    "rule_delays": ("numbers of seconds over 0, separated by commas", "以逗号分隔的、大于 0 的秒数"),
    "rule_days": ("a number of days over 0 and at most 3650", "大于 0、不超过 3650 的天数"),
    "rule_watch_slots": ("a whole number from 0 to 100000", "0 到 100000 的整数"),
    "rule_count": ("a whole number from 1 to 10000000", "1 到 10000000 的整数"),
    "rule_switch": ("on or off", "on 或 off"),
    "rule_resolvers": (
        "a list of resolvers without repetition; this version has: swarm, direct, qbittorrent, script",
        "不重复的解析器列表；本版本提供：swarm、direct、qbittorrent、script",
    ),
    "qbittorrent_without_url": (
        "{name} names qbittorrent; set TRUENAME_QBT_URL to the address of its Web UI too.",
        "{name} 中有 qbittorrent：请同时将 TRUENAME_QBT_URL 设为其 Web UI 的地址。",
    ),
    "around_the_proxy": (
        "{name} names {resolver}, a program that would go around TRUENAME_PROXY. Take it out, or leave TRUENAME_PROXY "
        "empty and give that program the proxy itself.",
        "{name} 中有 {resolver}，它是会绕过 TRUENAME_PROXY 的独立程序。"
        "请将其移除，或留空 TRUENAME_PROXY 并在该程序中设置代理。",
    ),
    "rule_proxy": (
        "the socks5 URL of a proxy, with host and port, and a user name and a password or neither, in ASCII",
        "代理的 socks5 网址，含主机和端口，用户名与密码须同时给出或都不给，仅限 ASCII",
    ),
    "rule_server_url": (
        "an http or https URL, without a user name and with nothing after its path",
        "不含用户名的 http 或 https 网址，路径之后没有其他内容",
    ),
    "rule_trackers": (
        "a list of http, https or udp tracker URLs, separated by commas",
        "以逗号分隔的 http、https 或 udp tracker 网址",
    ),
    "rule_magnet_trackers": ("public or none", "public 或 none"),
    "rule_endpoints": ("a list of host:port, separated by commas", "以逗号分隔的 主机:端口 列表"),
    "rule_folder": ("a folder", "一个文件夹"),
    "rule_host": ("a host name or an address, without a port", "主机名或地址，不带端口"),
    "rule_port": ("a whole number from 0 to 65535", "0 到 65535 的整数"),
    "rule_root_path": (
        "empty, or a path that begins with a slash, of letters, digits and . _ ~ -",
        "留空，或以斜杠开头、由字母、数字和 . _ ~ - 组成的路径",
    ),
    "rule_networks": (
        "a list of addresses or networks (address/bits), separated by commas",
        "以逗号分隔的地址或网段（地址/位数）列表",
    ),
    "rule_hosts": (
        "a list of host names or addresses without a port, separated by commas",
        "以逗号分隔的主机名或地址列表，不带端口",
    ),
    # The server.
    "serve_held": (
        "{where} is held by another server; stop that one, or choose another TRUENAME_DATA_DIR.",
        "{where} 已被另一个服务器占用；请停止它，或另选 TRUENAME_DATA_DIR。",
    ),
    "serve_port": (
        "{where} cannot be listened on: {why}. Set TRUENAME_PORT to a free port.",
        "无法监听 {where}：{why}。请将 TRUENAME_PORT 设为空闲端口。",
    ),
    "serve_database_gone": (
        "{what} was removed or replaced while the server used it. The server has ended, since nothing that it accepts "
        "would be kept; put the file back, or start it with the one that is there.",
        "{what} 在运行中被删除或替换。服务器已退出，因为之后接受的内容都无法保存；请放回该文件，或用现有文件重新启动。",
    ),
    "serve_up": ("truename is at {address}", "truename 已启动：{address}"),
    "person_exists": ("There is somebody called {username} already.", "已经有名为 {username} 的用户。"),
    "serve_link": ("Sign in once with: {link}", "一次性登录链接：{link}"),
    "help_serve": ("Run the web application and its worker.", "运行网页应用及其工作进程。"),
    # The database.
    "catalogue_unusable": (
        "the catalogue of names is not used this time. {why}",
        "本次不使用名称目录。{why}",
    ),
    "database_unusable": (
        "{what}: the database cannot be used: {why}. Look at the file and its folder, or restore a backup.",
        "{what}：数据库无法使用：{why}。请检查该文件及其文件夹，或从备份恢复。",
    ),
    "database_newer": (
        "{what}: was written by a newer version of truename; use that version, or restore an older backup.",
        "{what}：由更新版本的 truename 写入；请使用该版本，或恢复较旧的备份。",
    ),
    "database_of_another_program": (
        "{what}: is the database of another program; choose another TRUENAME_DATA_DIR.",
        "{what}：是其他程序的数据库；请另选 TRUENAME_DATA_DIR。",
    ),
    # Backups.
    "backup_made": (
        "People: {people}, notes: {notes}, names: {names}; opened, checked and compared with the database.",
        "用户 {people}，笔记 {notes}，名称 {names}；已打开、检查，并与数据库核对一致。",
    ),
    "backup_nothing": (
        "{what}: there is no database here yet, so there is nothing to back up.",
        "{what}：这里还没有数据库，没有可备份的内容。",
    ),
    "backup_failed": (
        "{what}: no backup was made: {why}. Earlier ones are as they were.",
        "{what}：未能备份：{why}。之前的备份保持原样。",
    ),
    "backup_over": (
        "{what}: is no backup, so it is not overwritten; choose another name.",
        "{what}：不是备份文件，因此不会覆盖；请另选文件名。",
    ),
    "backup_damaged": (
        "{what}: a copy of it does not pass the check of SQLite ({why}) and was not kept. The database is probably "
        "damaged; earlier backups are as they were.",
        "{what}：其副本未通过 SQLite 的检查（{why}），未保留。数据库可能已损坏；之前的备份保持原样。",
    ),
    "backup_differs": (
        "{what}: the copy is not what the database was, and was not kept. Look at the disk, then try again.",
        "{what}：副本与数据库不一致，未保留。请检查磁盘后重试。",
    ),
    "backup_unusual": (
        "At {name} the database differs from what truename makes. All of it is in the backup, but `truename restore` "
        "would refuse that; put {name} right, then make another backup.",
        "数据库的 {name} 与 truename 创建的不同。内容都在备份中，但 `truename restore` 会拒绝这样的备份；"
        "请先恢复 {name} 的原状，再重新备份。",
    ),
    "restore_unreadable": ("{what}: cannot be read: {why}.", "{what}：无法读取：{why}。"),
    "restore_no_file": ("{what}: is not a regular file.", "{what}：不是普通文件。"),
    "restore_not_sqlite": (
        "{what}: is no backup: a SQLite database begins otherwise.",
        "{what}：不是备份：它不是 SQLite 数据库。",
    ),
    "restore_not_ours": (
        "{what}: is a database of another program, or of a truename that this version does not know.",
        "{what}：是其他程序的数据库，或来自本版本不认识的 truename。",
    ),
    "restore_newer": (
        "{what}: was made by a newer version of truename; restore it with that version.",
        "{what}：由更新版本的 truename 制作；请用该版本恢复。",
    ),
    "restore_unfinished": (
        "{what}: {beside} lies beside it, so it is a database in use or one that was cut off, and no backup. Make one "
        "of it: set TRUENAME_DATA_DIR to its folder and run `truename backup`.",
        "{what}：旁边有 {beside}，说明它是正在使用或中断的数据库，而不是备份。请将 TRUENAME_DATA_DIR 设为它所在的"
        "文件夹，再运行 `truename backup`。",
    ),
    "restore_damaged": (
        "{what}: is damaged ({why}); nothing of it was used. Take another backup.",
        "{what}：已损坏（{why}），未使用其中任何内容。请换一个备份。",
    ),
    "restore_object": (
        "{what}: holds {name}, which no backup of truename has, at least not like this; nothing of it was used.",
        "{what}：含有 {name}，truename 的备份中没有它，或不是这样的；未使用其中任何内容。",
    ),
    "restore_missing": (
        "{what}: lacks {name}, which every backup of its version has; nothing of it was used.",
        "{what}：缺少 {name}，同版本的备份都应包含它；未使用其中任何内容。",
    ),
    "restore_value": (
        "{what}: holds a value that cannot stand there ({table} {column}); nothing of it was used.",
        "{what}：含有不该出现的值（{table} {column}）；未使用其中任何内容。",
    ),
    "restore_contradiction": (
        "{what}: contradicts itself ({why}); nothing of it was used.",
        "{what}：内容自相矛盾（{why}）；未使用其中任何内容。",
    ),
    "restore_failed": (
        "{what}: nothing was restored: {why}. What was there is as it was.",
        "{what}：未能恢复：{why}。原有内容保持原样。",
    ),
    "restore_itself": (
        "{what}: is the database itself, and no backup of it.",
        "{what}：就是数据库本身，而不是它的备份。",
    ),
    "restore_file": ("{what}, of {date} (schema {revision})", "{what}，日期 {date}（结构版本 {revision}）"),
    "restore_place": ("{what}, which it would replace", "{what}，将被它替换"),
    "restore_contents": (
        "  people: {people}, notes: {notes}, names: {names}; the newest is of {newest}",
        "  用户 {people}，笔记 {notes}，名称 {names}；最新的一项：{newest}",
    ),
    "restore_contents_none": ("  nothing yet", "  还没有内容"),
    "restore_contents_bad": ("  cannot be read: {why}", "  无法读取：{why}"),
    "restore_left_out": (
        "  not brought back: {count} sessions and tokens. Everybody signs in again; `truename user token` makes new "
        "tokens.",
        "  不会恢复 {count} 个登录会话和令牌：所有人需重新登录，令牌用 `truename user token` 重新生成。",
    ),
    "restore_dry": (
        "This was a dry run: the file can be restored, and nothing was changed.",
        "这是试运行：该文件可以恢复，未作任何更改。",
    ),
    "restore_ask": ("Replace it? Type yes: ", "要替换吗？请输入 yes："),
    "restore_needs_yes": (
        "There is no terminal to ask on: give --yes to replace the database, or --dry-run to look.",
        "没有可供确认的终端：用 --yes 直接替换，或用 --dry-run 只查看。",
    ),
    "restore_declined": ("Nothing was changed.", "未作任何更改。"),
    "restore_kept": ("What was there is kept in {where}", "原有内容保存在 {where}"),
    "restore_done": (
        "Restored. People: {people}, notes: {notes}, names: {names}.",
        "已恢复：用户 {people}，笔记 {notes}，名称 {names}。",
    ),
    "page_health": ("Health", "状况"),
    "health_well": ("All is well.", "一切正常。"),
    "health_ill": ("Something needs attention.", "有需要处理的问题。"),
    "health_resolvers": ("Ways to a name", "查名的方式"),
    "health_last": ("last name", "最近一次得到名称"),
    "health_never": ("no name found yet", "尚未得到过名称"),
    "health_work": ("Work", "工作"),
    "health_mode": ("Calibration: {mode}", "校准：{mode}"),
    "health_mode_async": ("on", "开启"),
    "health_mode_sync": ("on, pages wait for the answer", "开启，页面等待结果"),
    "health_mode_off": ("off; nothing new is asked", "关闭，不发起新的查询"),
    "health_waiting": ("{count} look-ups wait", "{count} 个查询在等待"),
    "health_running": ("{count} of {slots} slots are in use", "{slots} 个位置中有 {count} 个在用"),
    "health_names": ("{count} names known", "已知 {count} 个名称"),
    "health_backup": ("Backup", "备份"),
    "health_again": ("Look again", "再看一次"),
    "doctor_backup_ok": (
        "backup: {where}, of {date}, checked; notes: {notes}, names: {names}",
        "备份：{where}，{date}，已核对；笔记 {notes}，名称 {names}",
    ),
    "doctor_backup_none": (
        "backup: none yet; a running server makes one by itself, `truename backup` makes one now",
        "备份：还没有；运行中的服务器会自动制作，`truename backup` 可立即制作",
    ),
    "doctor_backup_never": (
        "backup: none by itself (TRUENAME_BACKUP_INTERVAL_S is 0); `truename backup` makes one",
        "备份：不会自动制作（TRUENAME_BACKUP_INTERVAL_S 为 0）；`truename backup` 可制作",
    ),
    "doctor_backup_gone": (
        "backup: the last one, {where}, is not there any more; `truename backup` makes a new one",
        "备份：上一个备份 {where} 已不在；`truename backup` 可重新制作",
    ),
    "doctor_backup_bad": ("backup: the one of {date} failed. {why}", "备份：{date} 的备份失败。{why}"),
    "help_backup": (
        "Copy the database, also beside a running server, and prove the copy: it is opened, checked and compared.",
        "复制数据库（可与运行中的服务器同时进行），并核对副本：打开、检查、比较。",
    ),
    "help_backup_file": (
        "Where to; without it, a new file in TRUENAME_BACKUP_DIR, of which the newest are kept.",
        "目标文件；不指定则在 TRUENAME_BACKUP_DIR 中新建，只保留最新的几个。",
    ),
    "help_restore": (
        "Bring a backup back in the place of the present database, which is copied aside first. The server must not "
        "run.",
        "用备份替换当前数据库，替换前会先另存一份。此时服务器不能在运行。",
    ),
    "help_restore_file": ("The backup.", "备份文件。"),
    "help_dry_run": (
        "Show what is in it and whether it can be restored; change nothing.",
        "只查看其内容、能否恢复，不作更改。",
    ),
    "help_yes": ("Do not ask.", "不再询问。"),
    # People, and who may come in.
    "username_bad": (
        "A user name has 1 to 100 characters, all of them visible.",
        "用户名应为 1 到 100 个字符，且不含隐藏字符。",
    ),
    "username_taken": ("This user name is taken; choose another one.", "该用户名已被使用，请换一个。"),
    "password_too_short": ("A password has at least 12 characters.", "密码至少需要 12 个字符。"),
    "password_too_long": ("A password has at most 1024 characters.", "密码最多 1024 个字符。"),
    "password_too_common": (
        "This password is among the first that are tried; take another one, a short sentence for example.",
        "这个密码太容易被猜到，请换一个，例如一句话。",
    ),
    "password_not_text": ("The password is not valid UTF-8.", "密码不是有效的 UTF-8 文本。"),
    "person_made": ("{name} may sign in now.", "{name} 现在可以登录。"),
    "person_unknown": ("There is nobody of that name: {name}.", "没有这个用户：{name}。"),
    "password_changed": (
        "The password of {name} is changed; {count} sessions were ended.",
        "{name} 的密码已更改；已结束 {count} 个登录会话。",
    ),
    "password_ask": ("Password: ", "密码："),
    "password_again": ("The same again: ", "再输入一次："),
    "passwords_differ": ("The two are not the same; nothing was changed.", "两次输入不一致，未作任何更改。"),
    "password_missing": (
        "No password was given: type one in a terminal, or pipe it in with --password-stdin.",
        "没有提供密码：请在终端中输入，或用 --password-stdin 从管道读入。",
    ),
    "token_made": (
        "The token of {name}, shown this once; an earlier one has ended:",
        "{name} 的令牌，只显示这一次；之前的令牌已失效：",
    ),
    "token_revoked": ("{name} has no token any more.", "{name} 的令牌已撤销。"),
    "token_none": ("{name} has no token.", "{name} 没有令牌。"),
    "nobody_yet": ("Nobody may sign in yet.", "还没有任何用户。"),
    "administrator": ("administrator", "管理员"),
    # The web application: why a request is refused. Some of these are promised to programs, letter by letter.
    "web_unauthorized": ("Not signed in", "未登录"),
    "web_missing_info_hash": ("The parameter info_hash is missing", "缺少 info_hash 参数"),
    "web_invalid_info_hash": ("info_hash is invalid", "info_hash 无效"),
    "web_no_such_task": ("There is no such task", "任务不存在"),
    "notes_new": ("A new note", "新笔记"),
    "notes_hint": (
        "Paste a text with magnet links. Their true names are written into it; nothing else changes.",
        "粘贴含有磁力链接的文本。真名会写入其中，其余内容保持不变。",
    ),
    "notes_save": ("Save", "保存"),
    "notes_none": ("No notes yet.", "还没有笔记。"),
    "notes_first": (
        "Paste a message with magnet links above, save it, and press Calibrate: each true name is written in as it "
        "comes.",
        "在上面粘贴一段含磁力链接的消息并保存，再按“校准”：真名查到后会自动写入。",
    ),
    "notes_newest": ("Newest notes", "最新的笔记"),
    "notes_lost": ("The server cannot be reached.", "无法连接服务器。"),
    "notes_no_magnet": ("No magnet link in this note.", "这条笔记中没有磁力链接。"),
    "notes_no_name": ("no name", "无名称"),
    "notes_calibrate": ("Calibrate", "校准"),
    "notes_calibrate_all": ("Calibrate all", "全部校准"),
    "notes_older": ("Older notes", "更早的笔记"),
    "notes_none_older": ("No older notes.", "没有更早的笔记。"),
    "notes_all": ("All notes", "全部笔记"),
    "notes_one": ("A note", "一条笔记"),
    "notes_rest": ("The other {count} characters", "其余 {count} 个字符"),
    "notes_rest_magnets": ("The other {count} magnet links", "其余 {count} 个磁力链接"),
    "notes_all_magnets": ("All {count} magnet links", "全部 {count} 个磁力链接"),
    "notes_unlisted": (
        "{count} more magnet links are not listed here; they are asked for together with the others.",
        "另有 {count} 个磁力链接未在此列出，“全部校准”时会一并查询。",
    ),
    "notes_count": ("{named} of {total} named", "已得名称 {named} / {total}"),
    "notes_written": ("in the note:", "笔记中写作："),
    "notes_arrived": ("{count} names have come.", "已得到 {count} 个名称。"),
    "notes_edit": ("Edit", "编辑"),
    "notes_edit_title": ("Edit the note", "编辑笔记"),
    "notes_text": ("Text", "内容"),
    "notes_cancel": ("Cancel", "取消"),
    "notes_saved": ("Saved.", "已保存。"),
    "notes_hidden": (
        "This text holds characters that cannot be seen; they stay as they are unless you delete them.",
        "文本中含有不可见字符，只要不删除就会原样保留。",
    ),
    "notes_empty": ("There is nothing to save: the text is empty.", "内容为空，无法保存。"),
    "notes_too_large": ("The text is too large: a note has at most 5 MiB.", "内容过大：一条笔记最多 5 MiB。"),
    "notes_no_room": (
        "So many names are waited for already that {refused} of {asked} could not be asked for; try again later.",
        "等待查询的名称太多，{asked} 个中有 {refused} 个未能加入，请稍后再试。",
    ),
    "notes_too_large_here": (
        "This note is too large to be edited in a browser. The API takes it.",
        "这条笔记过大，无法在浏览器中编辑，可通过接口修改。",
    ),
    "notes_changed": (
        "The note was changed meanwhile. Nothing is lost: what you wrote stands in the field, with the names that "
        "came since.",
        "笔记在此期间已被修改。所写内容没有丢失，仍在输入框中，其间查到的名称也已写入。",
    ),
    "notes_changed_now": ("What the note says now", "笔记现在的内容"),
    "notes_changed_mine": ("What you wrote", "我写的内容"),
    "notes_changed_marked": ("Marked lines do not stand in your text.", "标出的行在我写的内容中没有。"),
    "notes_changed_save": ("Save mine in its place", "用我的内容替换"),
    "notes_changed_drop": ("Drop mine", "放弃我的内容"),
    "notes_send": ("Send to qBittorrent", "发送到 qBittorrent"),
    "qbittorrent_sent": (
        "Sent to qBittorrent, where it is stopped until you start it.",
        "已发送到 qBittorrent，处于停止状态，可在那里开始。",
    ),
    "qbittorrent_there": (
        "qBittorrent has this torrent already; nothing was changed there.",
        "qBittorrent 中已有该种子，未作任何更改。",
    ),
    "notes_gone": (
        "This note is not there any more. What you wrote can be kept as a new one.",
        "这条笔记已不存在，所写内容可以另存为新笔记。",
    ),
    "notes_save_new": ("Save as a new note", "另存为新笔记"),
    "notes_signed_out": (
        "You are not signed in any more. Sign in in a new tab, then save again; your text stays here.",
        "登录已失效。请在新标签页登录后再次保存，所写内容仍在这里。",
    ),
    "notes_delete": ("Delete", "删除"),
    "notes_delete_sure": (
        "The note and its history will be gone for good. The names that were found stay known.",
        "笔记及其历史将被永久删除，已查到的名称仍会保留。",
    ),
    "notes_delete_now": ("Delete for good", "永久删除"),
    "notes_deleted": ("The note is deleted.", "笔记已删除。"),
    "watch_last": ("last asked", "上次询问"),
    "watch_next": ("next ask", "下次自动询问"),
    "watch_over": ("not asked by itself any more", "不再自动询问"),
    "watch_now": ("Ask now", "立即询问"),
    "watch_stop": ("Stop asking", "停止询问"),
    "state_none": ("not asked", "未查询"),
    "state_known": ("name known", "已知真名"),
    "state_pending": ("waiting", "等待中"),
    "state_running": ("asking", "查询中"),
    "state_completed": ("named", "已得名称"),
    "state_failed": ("no name", "未得名称"),
    "state_timeout": ("no answer", "无应答"),
    "state_cancelled": ("cancelled", "已取消"),
    # The pages of tasks and batches.
    "page_tasks": ("Tasks", "任务"),
    "tasks_all": ("All", "全部"),
    "tasks_filter": ("Tasks by state", "按状态查看任务"),
    "tasks_none": ("No tasks yet.", "还没有任务。"),
    "tasks_first": (
        "What you ask for in your notes stands here: what waits, what is being asked, what ended and why.",
        "在笔记中发起的查询会列在这里：哪些在等待，哪些在查询，哪些已结束以及原因。",
    ),
    "tasks_none_such": ("No tasks here.", "这里没有任务。"),
    "tasks_kept": (
        "Tasks that have ended disappear from here after a while. Names that were found stay for good.",
        "已结束的任务过一段时间会从这里消失，查到的名称永久保留。",
    ),
    "tasks_newest": ("Newest tasks", "最新的任务"),
    "tasks_older": ("Older tasks", "更早的任务"),
    "tasks_everything": ("All tasks", "全部任务"),
    "tasks_reload": ("Reload to see how it stands now", "刷新以查看最新状态"),
    "tasks_ended": ("{count} tasks have ended.", "{count} 个任务已结束。"),
    "tasks_more": (
        "There are more than {limit}; --limit shows them.",
        "还有更多，超过了 {limit} 个；用 --limit 查看。",
    ),
    "tasks_unknown": ("There is no such task: {task}", "没有这个任务：{task}"),
    "tasks_ended_already": ("{task} has ended already: {status}", "{task} 已经结束：{status}"),
    "task_source": ("from {source}", "来自 {source}"),
    "task_verified": (", verified", "，已验证"),
    "fact_files": ("{count} files", "{count} 个文件"),
    "fact_list": ("Files", "文件"),
    "fact_more": ("and {count} more", "另有 {count} 个"),
    "fact_story": ("What was done", "查询经过"),
    "task_claimed": (", claimed", "，未经验证"),
    "task_place": ("place {place} in the queue", "排在第 {place} 位"),
    "task_next": ("next try", "下次尝试"),
    "task_tries": ("tries: {count}", "已尝试 {count} 次"),
    "task_watched": ("asked by the watch", "守望自动查询"),
    "task_prio": ("priority: {priority}", "优先级：{priority}"),
    "task_asked": ("asked", "提交于"),
    "task_ended": ("ended", "结束于"),
    "task_newer": ("asked again: {state}", "已再次查询：{state}"),
    "task_cancel": ("Cancel", "取消"),
    "task_first": ("Ask first", "优先查询"),
    "task_retry": ("Ask again", "再次查询"),
    "task_priority": ("Priority", "优先级"),
    "priority_high": ("high", "高"),
    "priority_normal": ("normal", "普通"),
    "priority_low": ("low", "低"),
    "batches": ("Batches", "批量查询"),
    "batch_title": ("A batch", "一次批量查询"),
    "batch_total": ("{count} asked for", "共 {count} 项"),
    "batch_active": ("{count} not ended yet", "{count} 项未结束"),
    "batch_over": ("ended", "已结束"),
    "batch_progress": ("{done} of {total} ended", "已结束 {done} / {total}"),
    "batch_refused": (
        "{count} more could not be asked for: they were no magnets, or too much was waiting already.",
        "另有 {count} 项未能查询：不是磁力链接，或等待的任务已经太多。",
    ),
    "batch_left": (
        "{count} more in your notes are unnamed; ask for them when this batch has ended.",
        "笔记中另有 {count} 个无名链接，可在这一批结束后再查。",
    ),
    "batch_cancel": ("Cancel all", "全部取消"),
    "batch_cancel_sure": (
        "What has not ended yet will be cancelled. What was asked for before this batch goes on.",
        "尚未结束的任务都会被取消；在这一批之前就已提交的不受影响。",
    ),
    "batch_cancel_now": ("Cancel them", "确认取消"),
    "batch_retry": ("Ask again for {count} without a name", "再次查询 {count} 个未得名称的"),
    "batch_first": ("Back to its beginning", "回到开头"),
    "batch_rest": ("The next ones", "后面的任务"),
    "batch_unnamed": ("Calibrate all that is unnamed", "校准所有无名链接"),
    "web_nothing_unnamed": ("Every magnet link in your notes has its name.", "笔记中的磁力链接都已有名称。"),
    "web_bad_priority": ("The priority must be high, normal or low.", "priority 必须是 high、normal 或 low。"),
    "web_bad_mode": (
        "calibration_mode must be async, sync, off or null.",
        "calibration_mode 必须是 async、sync、off 或 null。",
    ),
    "web_bad_version": ("The version of the note is missing or no number.", "缺少笔记的 version，或它不是数字。"),
    "web_missing_text": ("The parameter text is missing.", "缺少 text 参数。"),
    "web_bad_text": ("A text cannot hold NUL characters.", "文本不能含有 NUL 字符。"),
    "web_stale": (
        "The note was changed meanwhile; here is what it says now.",
        "笔记已被修改，这里是它现在的内容。",
    ),
    "web_off": ("Calibration is switched off.", "校准功能已关闭。"),
    "web_waiting": ("Still being looked up; the name will come by itself.", "仍在查询，查到后会自动写入。"),
    "web_forbidden": ("This is not allowed.", "没有权限。"),
    "web_not_found": ("There is nothing here.", "这里没有内容。"),
    "web_method": ("This cannot be done here.", "此处不支持该操作。"),
    "web_too_large": ("This is too large.", "内容过大。"),
    "web_bad_status": (
        "There is no such state; there are pending, running, completed, failed, timeout and cancelled.",
        "没有这种状态；可用的有 pending、running、completed、failed、timeout 和 cancelled。",
    ),
    "web_ended_already": ("This has ended already.", "任务已经结束。"),
    "web_not_watched": ("This hash is not being watched.", "没有在守望这个哈希。"),
    "web_no_such_batch": ("There is no such batch", "批次不存在"),
    "web_no_such_note": ("There is no such note", "笔记不存在"),
    "web_bad_batch": (
        "Send one of info_hashes (a list), note_ids (a list) or unnamed (true).",
        "请提供 info_hashes（列表）、note_ids（列表）或 unnamed（true）其中之一。",
    ),
    "web_batch_too_large": ("A batch has at most {most} items.", "一个批次最多包含 {most} 项。"),
    "web_still_active": (
        "This is still being asked for; wait until it has ended, or cancel it.",
        "任务尚未结束，请等待或先取消。",
    ),
    "web_too_many": ("Too much at once; try again later.", "请求过多，请稍后再试。"),
    "web_too_slow": ("The request took too long to arrive.", "请求传输超时。"),
    "web_bad_request": ("The request cannot be understood.", "无法理解该请求。"),
    "web_not_json": (
        "The body must be JSON in UTF-8, with Content-Type application/json.",
        "请求体必须是 UTF-8 编码的 JSON，且 Content-Type 为 application/json。",
    ),
    "web_not_an_object": ("The body must be a JSON object.", "请求体必须是 JSON 对象。"),
    "web_not_a_form": (
        "The body must be the form of the page, in UTF-8.",
        "请求体必须是页面表单的内容，UTF-8 编码。",
    ),
    "web_wrong_host": (
        "This server is not known by that host name; the setting TRUENAME_ALLOWED_HOSTS names those that are.",
        "服务器不接受该主机名；请在设置 TRUENAME_ALLOWED_HOSTS 中列出允许的主机名。",
    ),
    "web_foreign": (
        "This comes from another site. Behind a proxy, TRUENAME_TRUSTED_PROXIES must name it.",
        "请求来自其他网站。若使用反向代理，请在 TRUENAME_TRUSTED_PROXIES 中列出它。",
    ),
    "web_internal": ("Something went wrong here; the log says more.", "服务器出错，详情见日志。"),
    "web_unavailable": (
        "The database cannot take this at the moment; nothing was changed. Try again later.",
        "数据库暂时不可用，未作任何更改；请稍后再试。",
    ),
    "web_stopping": ("The server is stopping; try again later.", "服务器正在停止，请稍后再试。"),
    # Pages of the web application.
    "page_title": ("truename", "truename 真名"),
    "page_tagline": ("Every magnet by its true name.", "让每个磁力链接都有真名。"),
    "page_skip": ("Skip to the content", "跳到正文"),
    "page_notes": ("Notes", "笔记"),
    "page_sign_out": ("Sign out", "退出登录"),
    "page_error": ("That did not work", "操作未完成"),
    "page_home": ("To the notes", "前往笔记"),
    "login_title": ("Sign in", "登录"),
    "login_username": ("User name", "用户名"),
    "login_password": ("Password", "密码"),
    "login_button": ("Sign in", "登录"),
    "login_wrong": ("User name or password is wrong.", "用户名或密码错误。"),
    "login_wait": (
        "Too many tries; the next one can be made in {seconds} s. Sessions that are open are not affected.",
        "尝试次数过多，请在 {seconds} 秒后再试。已登录的会话不受影响。",
    ),
    "login_busy": ("Many people sign in right now; try again in a moment.", "当前登录人数较多，请稍后再试。"),
    "login_once": ("This link signs you in once.", "此链接可登录一次。"),
    "login_once_button": ("Sign in now", "立即登录"),
    "login_once_over": ("This link has been used, or its time is over.", "该链接已被使用或已过期。"),
    "setup_title": ("Welcome", "欢迎使用"),
    "setup_intro": (
        "Make the first account; it is the administrator. The set-up code stands in the output of the server, where "
        "it was started.",
        "请创建第一个账户，它将成为管理员。设置码显示在启动服务器的终端或日志中。",
    ),
    "setup_code": ("Set-up code", "设置码"),
    "setup_password_rule": ("At least 12 characters; a short sentence is good.", "至少 12 个字符，可以用一句话。"),
    "setup_button": ("Make the account", "创建账户"),
    "setup_wrong_code": (
        "That is not the code. It is new each time the server starts.",
        "设置码不正确。服务器每次启动都会生成新的设置码。",
    ),
    "setup_wait": (
        "Too many tries; the next one can be made in {seconds} s.",
        "尝试次数过多，请在 {seconds} 秒后再试。",
    ),
    "setup_done": ("The set-up is done already; sign in instead.", "已完成设置，请直接登录。"),
    "setup_notice": (
        "Nobody may sign in yet. Open {url} and give this set-up code: {code}",
        "还没有任何用户。请打开 {url} 并输入设置码：{code}",
    ),
    "docs_title": ("The API", "接口文档"),
    "docs_intro": (
        "Made from the description that programs read. A request needs the session of this browser, or a token in the "
        "header Authorization.",
        "由供程序读取的接口描述生成。请求需要本浏览器的登录会话，或在 Authorization 请求头中携带令牌。",
    ),
    "docs_raw": ("The description itself (OpenAPI)", "接口描述原文（OpenAPI）"),
    "docs_needs_script": (
        "This page shows the description with a script; without one, read the description itself.",
        "本页需要脚本来展示；如未启用脚本，请直接查看接口描述原文。",
    ),
    # The demo.
    "demo_asking": (
        "{count} magnets without a true name; asking a swarm on this machine (127.0.0.1).",
        "{count} 个没有真名的磁力链接；正在询问本机上的 swarm（127.0.0.1）。",
    ),
    "demo_done": (
        "{named} of {live} live torrents named in {seconds:.2f} s; {dead} dead magnets stay unnamed, as they should.",
        "{live} 个活种子中有 {named} 个在 {seconds:.2f} 秒内得到名称；{dead} 个失效的磁力链接如预期保持无名。",
    ),
    "demo_failed": (
        "The demo swarm could not be started; its own words stand above.",
        "演示用的 swarm 无法启动，原因见上。",
    ),
    # The doctor.
    "doctor_settings_ok": ("settings: fine", "设置：正常"),
    "doctor_data_dir_ok": ("data folder: {where}", "数据文件夹：{where}"),
    "doctor_data_dir_new": (
        "data folder: {where} (will be made when something is kept)",
        "数据文件夹：{where}（需要保存内容时创建）",
    ),
    "doctor_data_dir_bad": (
        "data folder: {where} cannot be used: {why}. Set TRUENAME_DATA_DIR to a folder you may write to.",
        "数据文件夹：{where} 无法使用：{why}。请将 TRUENAME_DATA_DIR 设为可写的文件夹。",
    ),
    "doctor_database_ok": ("database: fine, {names} names known", "数据库：正常，已知 {names} 个名称"),
    "doctor_database_new": ("database: none yet; the first command makes it", "数据库：尚未建立，第一个命令会创建它"),
    "doctor_last": ("{name}: found its last name {date}", "{name}：最近一次得到名称：{date}"),
    "doctor_starting": (
        "{name}: has not said yet how it is doing; look again, and restart truename if it stays so",
        "{name}：尚未报告状态；请稍后再看，若一直如此请重启 truename",
    ),
    "doctor_offline": (
        "offline: TRUENAME_OFFLINE is on; names come from the catalogue alone, and nothing leaves this machine",
        "offline：TRUENAME_OFFLINE 已开启；名称只取自目录，不向本机之外发送任何内容",
    ),
    "doctor_proxied": ("{name}: ready, through the proxy", "{name}：就绪，经由代理"),
    "doctor_resolver_ok": ("{name}: ready", "{name}：就绪"),
    "doctor_resolver_bad": ("{name}: {why}", "{name}：{why}"),
    "doctor_swarm_ok": ("swarm: listening on {where}", "swarm：正在监听 {where}"),
    "doctor_swarm_bad": ("swarm: {why}", "swarm：{why}"),
    "doctor_swarm_tried": ("swarm: tried {subject}", "swarm：尝试过 {subject}"),
    "doctor_dht_ok": ("DHT: {nodes} nodes known, answering for {time}", "DHT：已知 {nodes} 个节点，已持续应答 {time}"),
    "doctor_dht_waking": (
        "DHT: has not answered yet, {time} after it was asked; look again in a few seconds",
        "DHT：查询发出 {time}，尚未应答；请过几秒再看",
    ),
    "doctor_dht_silent": ("DHT: silent for {time}", "DHT：已沉默 {time}"),
    "span_s": ("{count} s", "{count} 秒"),
    "span_min": ("{count} min", "{count} 分钟"),
    "span_h": ("{count} h", "{count} 小时"),
    "span_d": ("{count} days", "{count} 天"),
    "doctor_dht_answers": (
        "DHT: answers, though no node is known by name yet",
        "DHT：有应答，但路由表中尚无节点",
    ),
    "doctor_dht_off": (
        "DHT: off; only trackers and the peers named in a magnet are asked. Set TRUENAME_DHT=on to ask it too.",
        "DHT：已关闭，只会询问 tracker 和磁力链接中写明的节点。设置 TRUENAME_DHT=on 可启用。",
    ),
    # Help of the command line.
    "help_truename": (
        "Gives every magnet link its true name: asks the swarm, checks the digest, rewrites only the dn.",
        "为每个磁力链接找到真名：询问 swarm，校验摘要，只改写 dn。",
    ),
    "help_version": ("Show the version.", "显示版本。"),
    "help_resolve": (
        "Find the names of magnets or info-hashes: one line each, `<info-hash>  <name>`, as they come. Those without a "
        "name stand on standard error with the reason.",
        "查询磁力链接或 info-hash 的名称：每个一行 `<info-hash>  <名称>`，查到即输出；查不到的连同原因写到标准错误。",
    ),
    "help_inputs": (
        "Magnets or info-hashes; `-` reads lines from standard input, as does giving none in a pipe.",
        "磁力链接或 info-hash；`-` 表示从标准输入按行读取，在管道中不给参数也是如此。",
    ),
    "help_file": (
        "Read a file: every magnet in a line, else the line as a hash; blank lines and # lines are skipped.",
        "读取文件：取每行中的所有磁力链接，否则把整行当作哈希；跳过空行和 # 开头的行。",
    ),
    "help_json": ("One JSON object for every input, named or not.", "每个输入输出一个 JSON 对象，无论是否得到名称。"),
    "help_timeout": (
        "Seconds for one look-up, from the first question sent (setting LOOKUP_TIMEOUT_S).",
        "单次查询的秒数，从发出第一个询问算起（设置 LOOKUP_TIMEOUT_S）。",
    ),
    "help_explain": (
        "Tell what was done for each: whom it asked, what they said, what to do next.",
        "说明每次查询的经过：问了谁、得到什么回应、下一步怎么做。",
    ),
    "help_raw": ("Names as they are, nothing made visible.", "名称原样输出，不标出隐藏字符。"),
    "help_fix": (
        "Write the true names into the magnets of a text; every other byte stays as it is. The text goes to standard "
        "output.",
        "把真名写入文本中的磁力链接，其余每个字节保持不变。结果写到标准输出。",
    ),
    "help_fix_files": ("Texts; `-` is standard input.", "文本文件；`-` 表示标准输入。"),
    "help_in_place": ("Change the files themselves, each whole or not at all.", "直接修改文件：整体替换，或完全不动。"),
    "help_diff": ("Show what would change, as a unified diff.", "以 unified diff 显示将要改变的内容。"),
    "help_demo": (
        "Show truename at work on a swarm of real torrents on this machine; no network is needed.",
        "在本机由真实种子组成的 swarm 上演示 truename，无需网络。",
    ),
    "help_once": ("Name the demo's magnets in the terminal, then end.", "在终端中为演示的磁力链接查名，然后结束。"),
    "help_no_seeders": (
        "Stop the demo's seeders first: nothing can be named then.",
        "先停掉演示的做种者：这样什么名称都得不到。",
    ),
    "help_user": ("People who may sign in.", "可以登录的人。"),
    "help_user_name": ("The name they sign in with.", "登录用的名字。"),
    "help_user_add": ("Make a person.", "添加一个人。"),
    "help_user_admin": ("May change how the server works.", "可以更改服务器的工作方式。"),
    "help_user_passwd": ("Change a password; all sessions of the person end.", "修改密码；该人的所有会话随之结束。"),
    "help_user_list": ("List the people.", "列出所有人。"),
    "help_user_token": ("Make a token for programs; it is shown once.", "生成供程序使用的令牌，只显示一次。"),
    "help_user_revoke": ("Take the token away.", "收回令牌。"),
    "help_password_stdin": ("Read the password from standard input.", "从标准输入读取密码。"),
    "help_tasks": (
        "List tasks, the newest first: state, task, info-hash, and the name or why there is none.",
        "列出任务，最新的在前：状态、任务编号、info-hash，以及名称或没有名称的原因。",
    ),
    "help_tasks_status": ("Only those in this state.", "只列出处于该状态的任务。"),
    "help_tasks_user": ("Only those of this person.", "只列出此人的任务。"),
    "help_tasks_limit": ("At most so many.", "最多列出多少个。"),
    "help_tasks_json": ("One JSON object for each.", "每个任务输出一个 JSON 对象。"),
    "help_tasks_cancel": (
        "Cancel tasks; a running server stops looking up what nobody waits for any more.",
        "取消任务；不再有人等待的查询，运行中的服务器也会停止。",
    ),
    "help_tasks_ids": ("Tasks, as the list has them.", "任务编号，与列表中的一致。"),
    "help_settings": ("Show the settings and where each comes from.", "显示各项设置及其来源。"),
    "help_doctor": ("Look at what works and what does not, with the next step.", "检查各部分是否正常，并给出下一步。"),
}
