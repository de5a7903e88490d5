"""What commands say, and what they are for."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
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
    "no_request_in": (
        "{what}: holds no magnet and no info-hash.",
        "{what}：其中没有磁力链接或 info-hash。",
    ),
    "no_magnet_in": ("{what}: holds no magnet; it stays as it is.", "{what}：其中没有磁力链接，保持原样。"),
    "binary_input": (
        "{what}: is not a text that can be read: it holds a NUL. UTF-16 has to begin with its mark.",
        "{what}：不是可以读取的文本：其中含有空字符（NUL）；UTF-16 文本须以字节序标记开头。",
    ),
    "in_file": ("{file}: {line}", "{file}：{line}"),
    "line_too_long": ("{what}: has a line of over 64 MiB.", "{what}：有一行超过 64 MiB。"),
    "not_a_file": ("{what}: is not a regular file; it stays as it is.", "{what}：不是普通文件，保持原样。"),
    "calibrate_cannot_begin": ("Nobody could be asked: {why}.", "无法查询：{why}。"),
    "output_failed": ("The output could not be written: {why}.", "无法写出结果：{why}。"),
    "cannot_read": ("{what}: cannot be read: {why}.", "{what}：无法读取：{why}。"),
    "group_is_lost": (
        "{what}: its group cannot be kept, and may do with it what others may not. It is as it was.",
        "{what}：无法保留其所属的组，而该组拥有其他人没有的权限。文件保持原样。",
    ),
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
    "name_claimed": (
        "{info_hash}  This name is claimed by {source}, without proof.",
        "{info_hash}  该名称由 {source} 声称，未经证实。",
    ),
    "name_guessed": (
        "{info_hash}  The torrent does not say in which encoding its name is; this is the likeliest reading.",
        "{info_hash}  该种子没有说明名称的编码，这是最可能的读法。",
    ),
    "in_place_needs_files": (
        "--in-place needs files; standard input cannot be changed.",
        "--in-place 需要文件；标准输入无法就地修改。",
    ),
    "bad_timeout": (
        "--timeout must be a number of seconds over 0 and at most 86400.",
        "--timeout 必须是大于 0、不超过 86400 的秒数。",
    ),
    "progress_of": (
        "named {named}, not named {unnamed}, of {total}",
        "已得名称 {named}，未得 {unnamed}，共 {total}",
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
    "left_alone": (
        "{name} holds no address of a qBittorrent that can be used, and has no effect; for one, set TRUENAME_QBT_URL.",
        "{name} 中不是可用的 qBittorrent 地址，不起作用；如需使用 qBittorrent，请设置 TRUENAME_QBT_URL。",
    ),
    "bad_setting": ("{name}: {value} cannot be used; it must be {rule}.", "{name}：{value} 无法使用；应为：{rule}。"),
    "bad_settings_file": (
        "{what}: cannot be used as settings: {why}.",
        "{what}：无法作为设置文件读取：{why}。",
    ),
    "data_dir_locked": (
        "{folder}: this data folder may not be looked into: {why}. Call this as the user whose it is (`sudo -u`), or "
        "set TRUENAME_DATA_DIR.",
        "{folder}：无法进入此数据文件夹：{why}。请以其所属用户的身份运行（`sudo -u`），或设置 TRUENAME_DATA_DIR。",
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
    # Help of the command line.
    "help_serve": ("Run the web application and its worker.", "运行网页应用及其工作进程。"),
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
    # The doctor.
    "doctor_backup_ok": (
        "backup: {where}, of {date}, checked; notes: {notes}, names: {names}",
        "备份：{where}，{date}，已核对；笔记 {notes}，名称 {names}",
    ),
    "doctor_backup_none": (
        "backup: none in TRUENAME_BACKUP_DIR yet; a running server makes one there by itself, `truename backup` "
        "without a file name makes one there now",
        "备份：TRUENAME_BACKUP_DIR 中还没有；运行中的服务器会自动制作，不带文件名的 `truename backup` 可立即制作",
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
    "doctor_settings_ok": ("settings: fine", "设置：正常"),
    "doctor_files_ok": ("open files: {files} at once", "打开文件：最多同时 {files} 个"),
    "few_files": (
        "open files: only {files} at once, and each visitor and each peer takes one. Have the system allow more (the "
        "hard limit): LimitNOFILE= in its unit, or `nofile` in its limits.conf and a new session.",
        "打开文件：最多同时 {files} 个，而每个访问者和每个节点都要占用一个。请让系统放宽硬限制：在 systemd 单元中设置 "
        "LimitNOFILE=，或在系统的 limits.conf 中设置 `nofile` 后重新登录。",
    ),
    "doctor_data_dir_ok": ("data folder: {where}", "数据文件夹：{where}"),
    "doctor_data_dir_new": (
        "data folder: {where} (will be made when something is kept)",
        "数据文件夹：{where}（需要保存内容时创建）",
    ),
    "doctor_data_dir_bad": (
        "data folder: {where} cannot be used: {why}. Set TRUENAME_DATA_DIR to a folder you may write to.",
        "数据文件夹：{where} 无法使用：{why}。请将 TRUENAME_DATA_DIR 设为可写的文件夹。",
    ),
    "doctor_data_dir_full": (
        "data folder: {where} has {free} MiB left: soon nothing can be kept any more. Make room there.",
        "数据文件夹：{where} 仅剩 {free} MiB，很快将无法保存任何内容。请腾出空间。",
    ),
    "doctor_database_ok": ("database: fine, {names} {names:name|names} known", "数据库：正常，已知 {names} 个名称"),
    "doctor_database_new": ("database: none yet; the first command makes it", "数据库：尚未建立，第一个命令会创建它"),
    "doctor_last": ("{name}: found its last name {date}", "{name}：最近一次得到名称：{date}"),
    "doctor_starting": (
        "{name}: has not said yet how it is doing; look again in a few seconds",
        "{name}：尚未报告状态；请过几秒再看",
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
    "doctor_dht_ok": (
        "DHT: {nodes} {nodes:node|nodes} known, answering for {time}",
        "DHT：已知 {nodes} 个节点，已持续应答 {time}",
    ),
    "doctor_dht_waking": (
        "DHT: has not answered yet, {time} after it was asked; look again in a few seconds",
        "DHT：查询发出 {time}，尚未应答；请过几秒再看",
    ),
    "doctor_dht_silent": ("DHT: silent for {time}", "DHT：已沉默 {time}"),
    "span_s": ("{count} s", "{count} 秒"),
    "span_min": ("{count} min", "{count} 分钟"),
    "span_h": ("{count} h", "{count} 小时"),
    "span_d": ("{count} {count:day|days}", "{count} 天"),
    "doctor_dht_answers": (
        "DHT: answers, though no node is known by name yet",
        "DHT：有应答，但路由表中尚无节点",
    ),
    "doctor_dht_off": (
        "DHT: off; only trackers and the peers named in a magnet are asked. Set TRUENAME_DHT=on to ask it too.",
        "DHT：已关闭，只会询问 tracker 和磁力链接中写明的节点。设置 TRUENAME_DHT=on 可启用。",
    ),
    # The demo.
    "demo_asking": (
        "{count} {count:magnet|magnets} without a true name; asking a swarm on this machine (127.0.0.1).",
        "{count} 个没有真名的磁力链接；正在询问本机上的 swarm（127.0.0.1）。",
    ),
    "demo_waits": (
        "The names come once somebody has signed in with it, or in {seconds} s.",
        "用该链接登录后名称会陆续出现；若无人登录，则在 {seconds} 秒后开始。",
    ),
    "demo_done": (
        "{named} of {live} live {live:torrent|torrents} named in {seconds:.2f} s; {dead} dead "
        "{dead:magnet stays|magnets stay} unnamed, as {dead:it|they} should.",
        "{live} 个活种子中有 {named} 个在 {seconds:.2f} 秒内得到名称；{dead} 个失效的磁力链接如预期保持无名。",
    ),
    "demo_failed": (
        "The demo swarm could not be started; its own words stand above.",
        "演示用的 swarm 无法启动，原因见上。",
    ),
}
