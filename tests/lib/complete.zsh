# complete.zsh FOLDER LINE: prints the list that an interactive zsh, on a terminal of its own and
# with the completions in FOLDER, shows for LINE.
zmodload zsh/zpty
zpty shell 'TERM=dumb exec zsh -f -i'

# Goes on when zsh has printed TEXT, whose own typing (it is echoed) has '' in its middle.
await() {
    local text
    zpty -r -m shell text "*$1*" && print -r -- "$text"
}

zpty -w shell 'stty cols 200 rows 1000; unsetopt zle_bracketed_paste always_last_prompt'
zpty -w shell "PS1= PROMPT_EOL_MARK= LISTMAX=10000; fpath=(${(q)1} \$fpath)"
zpty -w shell 'autoload -Uz compinit; compinit -D -u'
# What is listed comes before what this widget prints.
zpty -w shell 'finish() { zle -I; print lis""ted; }; zle -N finish'
zpty -w shell 'bindkey "^X^L" list-choices "^X^F" finish; print rea""dy'
await ready >/dev/null
zpty -w -n shell "$2"$'\C-X\C-L\C-X\C-F'
await listed
zpty -d shell
