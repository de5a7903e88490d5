"""What a route answers when it cannot do what was asked: a status, a word for programs and a text for people."""


class ApiError(Exception):
    """Ends a request with `{"error": <text>, "code": <word>}`. `retry_after_s`: when asking again may help."""

    def __init__(self, status: int, code: str, text: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.text = text
        self.retry_after_s = retry_after_s


MISSING_INFO_HASH = (400, "missing_info_hash", "缺少 info_hash 参数")
INVALID_INFO_HASH = (400, "invalid_info_hash", "info_hash 无效")
UNAUTHORIZED = (401, "unauthorized", "未登录")
FORBIDDEN = (403, "forbidden", "不接受来自其他网站的请求")
TASK_NOT_FOUND = (404, "not_found", "任务不存在")
TOO_MANY = (429, "too_many", "等待中的校准太多，请稍后再试")
OFF = (503, "off", "校准功能已关闭")
NOT_ASYNC = (503, "off", "异步校准未启用，请使用 /api/calibrate")
STOPPING = (503, "stopping", "服务正在停止，请稍后再试")

# What Flask itself refuses, by status; the rest is answered with the nearest of them.
BY_STATUS = {
    400: ("bad_request", "请求无效"),
    404: ("not_found", "页面不存在"),
    405: ("bad_request", "不支持该请求方法"),
    413: ("too_large", "请求过大"),
    500: ("unavailable", "服务器内部错误"),
}
