"""Text from elsewhere for a terminal: what is told as escapes, what is left out, what stays."""

from shared.printable import harmless, printable, printable_lines

ANSWER = "Prix : 10\u00a0000\u202f€\u3000東京 👨\u200d👩\u200d👧 a\u00adb मे\u200cक\tü\n"


def test_one_line_tells_its_escapes() -> None:
    assert printable("a\x1b]0;t\x07\nb") == "a\\x1b]0;t\\x07\\nb"


def test_lines_stay_lines() -> None:
    assert printable_lines("a\x9b31m\nb\u202ec") == "a\\x9b31m\nb\\u202ec"


def test_what_a_model_says_keeps_every_blank_and_every_script() -> None:
    assert harmless(ANSWER) == ANSWER


def test_what_a_model_says_steers_no_terminal() -> None:
    assert harmless("a\x1b[31m\tb\r\x07\n\x9b\u202eü\x7f") == "a[31m\tb\nü"
