"""What bash runs when a person presses Tab: click's way of asking, and words with a colon whole."""

SCRIPT = r"""%(complete_func)s() {
    local line=$COMP_LINE words=() count=0 index word response type value known=''

    # bash takes a tag for a word of its own: pieces without a blank between them are one word again.
    for ((index = 0; index <= COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        if ((count)) && [[ -n $line && $line != [[:blank:]]* ]]; then
            words[count - 1]+=$word
        else
            words[count++]=$word
        fi
        line=${line#"${line%%%%[![:blank:]]*}"}
        line=${line#"$word"}
    done

    # It replaces the last piece only: what stands before it is not said again.
    word=${words[count - 1]}
    if [[ $word == *:* && $word != "${COMP_WORDS[COMP_CWORD]}" ]]; then
        [[ $word == -*=* ]] && word=${word#*=}
        known=${word%%"${word##*:}"}
    fi

    response=$(
        IFS=$'\n'
        env COMP_WORDS="${words[*]}" COMP_CWORD=$((count - 1)) %(complete_var)s=bash_complete "$1"
    )
    while IFS=',' read -r type value; do
        case $type in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            plain) COMPREPLY+=("${value#"$known"}") ;;
        esac
    done <<<"$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
"""For Python's `%`, with click's names."""
