"""What a program said of its failure, without what is nobody's business: addresses, hosts, paths and credentials.

It cuts out rather too much than too little, and leaves what is plainly prose. Pure; linear in the length of a text.
"""

import re

CUT = "…"

# Chinese sentences have no spaces, so all but the values end where a character is not ASCII.
_WORD = r"A-Za-z0-9_"
_ENDS = r"\s，。；：、！？（）【】《》「」“”‘’"
_VALUE = rf"[^{_ENDS}]*[^{_ENDS},.;:!?)\]'\"]"
_QUOTED = r"'[^']{1,100}'|\"[^\"]{1,100}\""
_ASCII = r"[!-~]*[!-+\-/-9<-~]"
_TELLTALE = (
    r"password|passwd|passphrase|passcode|passkey|pass|pwd|token|secret|api[ _-]?key|auth|authorization|cookie"
    r"|credentials?|session|sid|密码|口令|密钥|令牌|用户名?|账号|账户"
)

_TO_BE_CUT = re.compile(
    "|".join(
        (
            rf"(?<![{_WORD}])[A-Za-z][A-Za-z0-9+.-]{{0,20}}://{_VALUE}",
            rf"(?:proxy-)?authorization['\"]?\s*[:=：]\s*(?:[A-Za-z]+\s+)?{_VALUE}",
            rf"(?<![{_WORD}])(?:bearer|basic)\s+(?!auth|token\b){_ASCII}",
            rf"(?<![{_WORD}-])[{_WORD}-]{{0,30}}?(?:{_TELLTALE})['\"]?\s*[:=：]\s*(?:{_QUOTED}|['\"]?{_VALUE})",
            rf"(?<![{_WORD}-])--?(?:{_TELLTALE})\s+{_VALUE}",
            rf"(?<![{_WORD}.-])[{_WORD}.-]{{1,60}}={_VALUE}",
            r"'(?=[/~\\]|\.{1,2}[/\\]|[A-Za-z]:\\)[^']*'",
            r'"(?=[/~\\]|\.{1,2}[/\\]|[A-Za-z]:\\)[^"]*"',
            # an account at a host, an account and its password, a host and its port, IPv6
            rf"(?<![!-~])[!-?A-~]{{1,100}}@{_ASCII}",
            rf"(?<![{_WORD}:.\[])(?!\d{{1,2}}:\d\d(?::\d\d)?(?![{_WORD}:]))[{_WORD}.%+~\[\]-]{{0,100}}:{_ASCII}",
            # paths: at the start of a word, in the midst of a Chinese sentence, of several parts; and all of Windows
            rf"(?<![^{_ENDS}'\"(\[<=:,])(?:~|\.{{1,2}})?/{_VALUE}",
            rf"(?<![!-~])~?/[{_WORD}.~+-]{_ASCII}",
            rf"(?<![{_WORD}.+-])[{_WORD}.+-]{{1,100}}/(?:[{_WORD}.+-]+/|[{_WORD}.+-]*\.[{_WORD}]){_ASCII}",
            rf"(?<![{_WORD}.:-])[{_WORD}.:-]{{0,100}}\\{_VALUE}",
            # host names and names of files, IPv4; not numbers and versions
            rf"(?<![{_WORD}.-])(?:[{_WORD}-]{{1,63}}\.){{1,20}}[A-Za-z][{_WORD}-]+",
            rf"(?<![{_WORD}.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![{_WORD}])",
            rf"(?<![{_WORD}])localhost(?![{_WORD}])",
            # what looks like a key; the info-hash that was asked for is none
            rf"(?<![{_WORD}-])(?!(?:[0-9a-f]{{40}}|[0-9a-f]{{64}})(?![{_WORD}-]))"
            rf"(?=[A-Za-z_-]{{0,80}}\d)(?=[\d_-]{{0,80}}[A-Za-z])[{_WORD}-]{{24,}}",
        )
    ),
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """The text with `…` in the place of each address, host, path and credential."""
    return _TO_BE_CUT.sub(CUT, text)
