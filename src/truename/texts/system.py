"""What the system and SQLite say of what they cannot do, in Chinese, by their own words.

Source: the messages of glibc for the codes of errno(3); https://www.sqlite.org/rescode.html
"""

import errno
import os
from collections.abc import Mapping

_BY_CODE = {
    errno.EPERM: "操作不被允许",
    errno.ENOENT: "文件或文件夹不存在",
    errno.EIO: "读写出错",
    errno.EBADF: "文件已关闭",
    errno.EAGAIN: "资源暂时不可用",
    errno.ENOMEM: "内存不足",
    errno.EACCES: "没有权限",
    errno.EBUSY: "正被占用",
    errno.EEXIST: "文件已存在",
    errno.EXDEV: "位于不同的文件系统",
    errno.ENOTDIR: "不是文件夹",
    errno.EISDIR: "是一个文件夹",
    errno.EINVAL: "参数无效",
    errno.ENFILE: "系统打开的文件过多",
    errno.EMFILE: "打开的文件过多",
    errno.EFBIG: "文件过大",
    errno.ENOSPC: "磁盘空间不足",
    errno.EROFS: "文件系统只读",
    errno.EPIPE: "接收方已关闭",
    errno.ENAMETOOLONG: "文件名过长",
    errno.ELOOP: "符号链接层数过多",
    errno.EDQUOT: "超出磁盘配额",
    errno.EADDRINUSE: "端口已被占用",
    errno.EADDRNOTAVAIL: "地址不属于本机",
    errno.ENETUNREACH: "网络不可达",
    errno.EHOSTUNREACH: "主机不可达",
    errno.ECONNREFUSED: "连接被拒绝",
    errno.ECONNRESET: "连接被对方重置",
    errno.ETIMEDOUT: "连接超时",
}

CHINESE: Mapping[str, str] = {
    **{os.strerror(code): words for code, words in _BY_CODE.items()},
    "unable to open database file": "无法打开数据库文件",
    "database disk image is malformed": "数据库内容已损坏",
    "file is not a database": "该文件不是数据库",
    "attempt to write a readonly database": "数据库只读",
    "disk I/O error": "磁盘读写出错",
    "database or disk is full": "磁盘空间不足",
    "database is locked": "数据库被占用",
    "embedded null byte": "路径中含有空字符",
}
