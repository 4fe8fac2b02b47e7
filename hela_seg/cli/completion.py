"""Commands, groups, choices and keys for the Tab key of bash and zsh."""

from __future__ import annotations

from collections.abc import Sequence

from hela_seg.cli.commands import COMMANDS
from hela_seg.cli.keys import all_keys, choices_of, groups_of

SCRIPTS = {
    "bash": """_hela_seg() {
    local typed=(${COMP_LINE:0:COMP_POINT}) last="" IFS=$'\\n'
    [[ ${COMP_LINE:COMP_POINT-1:1} == " " ]] && typed+=("")
    last=${typed[-1]}
    COMPREPLY=($(hela-seg --complete "${typed[@]:1}"))
    [[ $last == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${last%%=*}="}")
}
complete -o nospace -o default -F _hela_seg hela-seg""",
    "zsh": """_hela_seg() {
    local -a found
    found=(${(f)"$(hela-seg --complete "${(@)words[2,CURRENT]}")"})
    (( $#found )) && compadd -Q -S '' -- $found || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _hela_seg hela-seg""",
}
"""What a shell has to read: ``eval "$(hela-seg --completion bash)"``."""


def completions(typed: Sequence[str]) -> list[str]:
    """What the last word may become.

    Args:
        typed: the words after ``hela-seg``; the last one is unfinished, perhaps empty.

    Example:
        ``completions(["train", "loss=dice"]) == ["loss=dice", "loss=dice_ce"]``
    """
    *before, last = typed or [""]
    if not before:
        return [f"{name} " for name in [*COMMANDS, "--help", "--version"] if name.startswith(last)]
    command = before[0]
    if command not in COMMANDS:
        return []
    group, equals, _ = last.partition("=")
    groups = groups_of(command)
    if equals:
        found = [f"{group}={choice}" for choice in choices_of(group)] if group in groups else []
    else:
        paths = [key.path for key in all_keys(command)]
        depth = last.count(".") + 1  # keys further below come with the next dot
        found = [f"{name}=" for name in groups]
        for word in (".".join(path.split(".")[:depth]) for path in paths):
            found.append(word + ("." if any(path.startswith(f"{word}.") for path in paths) else "="))
    return [word for word in dict.fromkeys(found) if word.startswith(last)]
