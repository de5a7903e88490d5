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
    "stopping": ("The program is stopping; ask again afterwards.", "程序正在停止，请稍后再试。"),
    "no_dht_node": (
        "No DHT node answers; check that UDP may leave this machine, or set TRUENAME_DHT_BOOTSTRAP.",
        "没有 DHT 节点应答：请检查本机的 UDP 是否可以外出，或设置 TRUENAME_DHT_BOOTSTRAP。",
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
    "binary_input": (
        "{what}: is not a text (it holds NUL bytes); nothing was done.",
        "{what}：不是文本（含有 NUL 字节），未做任何操作。",
    ),
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
    "rule_slots": ("a whole number from 1 to 100000", "1 到 100000 的整数"),
    "rule_switch": ("on or off", "on 或 off"),
    "rule_resolvers": (
        "a list of resolvers without repetition; this version has: swarm",
        "不重复的解析器列表；本版本提供：swarm",
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
    # The database.
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
    # People, and who may come in.
    "username_bad": (
        "A user name has 1 to 100 characters, all of them visible.",
        "用户名应为 1 到 100 个字符，且不含隐藏字符。",
    ),
    "username_taken": ("This user name is taken; choose another one.", "该用户名已被使用，请换一个。"),
    "password_too_short": ("A password has at least 12 characters.", "密码至少需要 12 个字符。"),
    "password_too_long": ("A password has at most 1024 characters.", "密码最多 1024 个字符。"),
    # The demo.
    "demo_asking": (
        "{count} magnets without a true name; asking a swarm on this machine (127.0.0.1).",
        "{count} 个没有真名的磁力链接；正在询问本机上的 swarm（127.0.0.1）。",
    ),
    "demo_done": (
        "{named} of {live} live torrents named in {seconds:.2f} s; {dead} dead magnets stay unnamed, as they should.",
        "{live} 个活种子中有 {named} 个在 {seconds:.2f} 秒内得到名称；{dead} 个失效的磁力链接如预期保持无名。",
    ),
    "demo_needs_once": (
        "This version has the demo in the terminal only: `truename demo --once`.",
        "本版本只有终端演示：`truename demo --once`。",
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
    "doctor_swarm_ok": ("swarm: listening on {where}", "swarm：正在监听 {where}"),
    "doctor_swarm_bad": ("swarm: {why}", "swarm：{why}"),
    "doctor_swarm_tried": ("swarm: tried {subject}", "swarm：尝试过 {subject}"),
    "doctor_dht_ok": ("DHT: {nodes} nodes known", "DHT：已知 {nodes} 个节点"),
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
    "help_settings": ("Show the settings and where each comes from.", "显示各项设置及其来源。"),
    "help_doctor": ("Look at what works and what does not, with the next step.", "检查各部分是否正常，并给出下一步。"),
}
