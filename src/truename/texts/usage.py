"""What Typer says of the arguments of a command, word for word, and the frame of its help.

The English ones are how a sentence is recognized, the first that fits: the more special ones stand first.
"""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    # The frame of the help.
    "usage_line": ("Usage: {usage}", "用法：{usage}"),
    "usage_options": ("Options:", "选项："),
    "usage_arguments": ("Arguments:", "参数："),
    "usage_commands": ("Commands:", "命令："),
    "usage_help_option": ("{option}  Show this message and exit.", "{option}  显示此帮助。"),
    "usage_required": ("{help}  [required]", "{help}  [必填]"),
    "usage_default": ("{help}  [default: {value}]", "{help}  [默认：{value}]"),
    # What is wrong with the arguments.
    "usage_try": ("Try {command} for help.", "运行 {command} 可查看帮助。"),
    "usage_error": ("Error: {what}", "错误：{what}"),
    "usage_aborted": ("Aborted!", "已中止。"),
    "usage_no_command_but": (
        "No such command {name}. Did you mean {others}?",
        "没有命令 {name}。是否想用 {others}？",
    ),
    "usage_no_command": ("No such command {name}.", "没有命令 {name}。"),
    "usage_missing_command": ("Missing command.", "缺少命令。"),
    "usage_no_option_but": (
        "No such option: {name} (Possible options: {others})",
        "没有选项 {name}（相近的选项：{others}）",
    ),
    "usage_no_option": ("No such option: {name}", "没有选项 {name}"),
    "usage_missing_argument": ("Missing argument {name}.", "缺少参数 {name}。"),
    "usage_missing_option": ("Missing option {name}.", "缺少选项 {name}。"),
    "usage_too_many": ("Got unexpected extra argument(s) ({given})", "多余的参数：{given}"),
    "usage_needs_value": ("Option {name} requires an argument.", "选项 {name} 需要一个值。"),
    "usage_takes_no_value": ("Option {name} does not take a value.", "选项 {name} 不能带值。"),
    "usage_bad_value": ("Invalid value for {name}: {why}", "{name} 的值无效：{why}"),
    # Why a value is none.
    "usage_no_number": ("Input should be a valid number, unable to parse string as a number", "应为数字"),
    "usage_no_integer": ("Input should be a valid integer, unable to parse string as an integer", "应为整数"),
    "usage_too_small": ("Input should be greater than or equal to {least}", "不能小于 {least}"),
    "usage_too_large": ("Input should be less than or equal to {most}", "不能大于 {most}"),
    "usage_no_choice": ("{value} is not one of {others}.", "{value} 不是以下之一：{others}。"),
}
