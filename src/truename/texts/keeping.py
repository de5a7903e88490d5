"""What the server says of itself, of its database, of backups and of people."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    # The server.
    "serve_held": (
        "{where} is held by another server; stop that one, or choose another TRUENAME_DATA_DIR.",
        "{where} 已被另一个服务器占用；请停止它，或另选 TRUENAME_DATA_DIR。",
    ),
    "serve_port": (
        "{where} cannot be listened on: {why}. Set TRUENAME_HOST to an address of this machine, and TRUENAME_PORT to a "
        "free port.",
        "无法监听 {where}：{why}。请将 TRUENAME_HOST 设为本机地址，TRUENAME_PORT 设为空闲端口。",
    ),
    "serve_database_gone": (
        "{what} was removed or replaced while the server used it. The server has ended, since nothing that it accepts "
        "would be kept; put the file back, or start it with the one that is there.",
        "{what} 在运行中被删除或替换。服务器已退出，因为之后接受的内容都无法保存；请放回该文件，或用现有文件重新启动。",
    ),
    "serve_up": ("truename is at {address}", "truename 已启动：{address}"),
    "person_exists": ("There is somebody called {username} already.", "已经有名为 {username} 的用户。"),
    "serve_link": ("Sign in once with: {link}", "一次性登录链接：{link}"),
    # The database.
    "catalogue_unusable": (
        "the catalogue of names is not used this time. {why}",
        "本次不使用名称目录。{why}",
    ),
    "catalogue_lost": (
        "the catalogue of names could not be used to the end, so names may not have been kept: {why}. Ask again later "
        "to have them kept; the names themselves are right.",
        "名称目录未能全程使用，查到的名称可能未被保存：{why}。名称本身无误；如需保存，请稍后重新查询。",
    ),
    "database_unusable": (
        "{what}: the database cannot be used: {why}. Look at the file and its folder, or restore a backup.",
        "{what}：数据库无法使用：{why}。请检查该文件及其文件夹，或从备份恢复。",
    ),
    "database_full": (
        "{what}: cannot be written, since the disk is full. Make room there and start again; what it holds is safe.",
        "{what}：磁盘已满，无法写入。请腾出空间后重新启动；已有内容不受影响。",
    ),
    "database_held": (
        "{what}: another program keeps it locked. End that, or wait until it is done, and start again.",
        "{what}：被另一个程序锁定。请结束该程序或等它完成，然后重新启动。",
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
    "backup_no_stream": (
        "A backup is a file and cannot go to standard output: name the file, or leave it out. "
        "For one that is called -, give its whole path.",
        "备份是一个文件，不能写到标准输出：请给出文件名，或者省略它。若文件就叫 -，请写出完整路径。",
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
        "  not brought back: {count} {count:session or token|sessions and tokens}. Everybody signs in again; "
        "`truename user token` makes new tokens.",
        "  不会恢复 {count} 个登录会话和令牌：所有人需重新登录，令牌用 `truename user token` 重新生成。",
    ),
    "restore_copy": (
        "  a copy of the database, and none of `truename backup`: if the server was running then, what was saved last "
        "may be missing.",
        "  这是数据库的副本，而不是 `truename backup` 制作的备份：如果复制时服务器正在运行，最近保存的内容可能缺失。",
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
        "The password of {name} is changed; {count} {count:session was|sessions were} ended.",
        "{name} 的密码已更改；已结束 {count} 个登录会话。",
    ),
    "password_token_stays": (
        "Programs still come in with the token of {name}: `truename user token {name} --revoke` takes it away.",
        "{name} 的令牌仍然有效；用 `truename user token {name} --revoke` 可将其收回。",
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
}
