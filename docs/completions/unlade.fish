# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_unlade_global_optspecs
    string join \n authfile= pull-secret-file= pull-secret-format= realm= trust-realm= trust-host= ca-file= cert-file= key-file= tls-min= insecure-skip-tls-verify plain-http= proxy= allow-net= mirror= connections= retries= connect-timeout= response-timeout= stall-timeout= min-rate= lock-timeout= json progress= v/verbose q/quiet h/help V/version
end

function __fish_unlade_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_unlade_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_unlade_using_subcommand
    set -l cmd (__fish_unlade_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c unlade -n "__fish_unlade_needs_command" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_needs_command" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_needs_command" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_needs_command" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_needs_command" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_needs_command" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_needs_command" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_needs_command" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_needs_command" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_needs_command" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_needs_command" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_needs_command" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_needs_command" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_needs_command" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_needs_command" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_needs_command" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_needs_command" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_needs_command" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_needs_command" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_needs_command" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_needs_command" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_needs_command" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_needs_command" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_needs_command" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_needs_command" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_needs_command" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_needs_command" -s V -l version -d 'Print version'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "pull" -d 'Download the layers of an artifact into files, verified'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "pick" -d 'Say what a pull would take, and why'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "inspect" -d 'Show what a reference names: platforms, disk types, layers, sizes'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "manifest" -d 'Print a manifest or index, byte for byte'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "blob" -d 'Print a blob, verified at its end'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "digest" -d 'Print the digest that a reference resolves to'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "tags" -d 'List the tags of a repository'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "referrers" -d 'List what refers to a manifest: signatures, bills of materials and the like'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "serve" -d 'Serve image layouts as a read-only registry'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "completions" -d 'Print the script that completes command lines in a shell'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "man" -d 'Print the manual page of the command or of a verb'
complete -c unlade -n "__fish_unlade_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -s o -l output -d 'A file, a folder, ocidir://DIR[:TAG], or - for stdout [default: the publisher\'s titles, here]' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l platform -d 'The platform that is wanted; host means this machine\'s' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l arch -d 'The architecture: amd64 or x86_64, arm64 or aarch64, …' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l os -d 'The operating system' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l variant -d 'The variant of the architecture, such as v8' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l dry-run -d 'Say what would be pulled and what is there already, and write nothing'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l no-unpack -d 'Keep folders that are packed in an archive as that archive, a file'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l verify-first -d 'With -o -, keep the bytes in a temporary file until all of them are verified'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l overwrite -d 'Without -o, replace files that are there and differ'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l no-sync -d 'Do not wait until the file would survive a power cut'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l no-resume -d 'Neither use what a stopped run has left nor leave anything when stopped'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l sparse -d 'Leave holes where the file is zero, instead of taking room for all of it'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l referrers -d 'With -o ocidir://DIR, add what refers to the artifact too, such as signatures'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand pull" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l platform -d 'The platform that is wanted; host means this machine\'s' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l arch -d 'The architecture: amd64 or x86_64, arm64 or aarch64, …' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l os -d 'The operating system' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l variant -d 'The variant of the architecture, such as v8' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l explain -d 'List all candidates, each with what speaks for or against it'
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand pick" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand pick" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand pick" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand pick" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l platform -d 'The platform that is wanted; host means this machine\'s' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l arch -d 'The architecture: amd64 or x86_64, arm64 or aarch64, …' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l os -d 'The operating system' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l variant -d 'The variant of the architecture, such as v8' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l platform -d 'The platform that is wanted; host means this machine\'s' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l arch -d 'The architecture: amd64 or x86_64, arm64 or aarch64, …' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l os -d 'The operating system' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l variant -d 'The variant of the architecture, such as v8' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand manifest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l verify-first -d 'Keep the bytes in a temporary file until all of them are verified'
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand blob" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand blob" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand blob" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand blob" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l platform -d 'The platform that is wanted; host means this machine\'s' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l arch -d 'The architecture: amd64 or x86_64, arm64 or aarch64, …' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l os -d 'The operating system' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l variant -d 'The variant of the architecture, such as v8' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand digest" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand digest" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand digest" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l limit -d 'Print so many at most' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l last -d 'Print those alone that follow this tag in the order of the registry' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand tags" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand tags" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand tags" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand tags" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l artifact-type -d 'Only those of this type, such as application/spdx+json' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l platform -d 'The platform that is wanted; host means this machine\'s' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l arch -d 'The architecture: amd64 or x86_64, arm64 or aarch64, …' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l os -d 'The operating system' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l variant -d 'The variant of the architecture, such as v8' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l latest -d 'Only the newest, by the time that its publisher gave; its digest comes first'
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand referrers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l listen -d 'Where to listen; port 0 picks one' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l tls-cert -d 'Speak TLS, with this certificate (PEM, its issuers behind it), and --tls-key' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l tls-key -d 'The private key of the certificate (PEM)' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l htpasswd -d 'Answer none but the users in this file, as `htpasswd -B` writes it' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l access-log -d 'Append a JSON object to this file for each request; - is stderr' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand serve" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand serve" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand serve" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand completions" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand completions" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand completions" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand man" -l all -d 'Write all pages into this folder, each into a file of its name' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand man" -l authfile -d 'An auth file as docker and podman write it, asked before those in their usual places' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand man" -l pull-secret-file -d 'A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand man" -l pull-secret-format -d 'How to read the pull secret' -r -f -a "auto\t'The first of the others that fits'
authfile\t'A whole auth file'
base64\t'Base64 of user:password'
token\t'A bare token'
user-password\t'user:password'"
complete -c unlade -n "__fish_unlade_using_subcommand man" -l realm -d 'What a token server on another host than the registry\'s is shown' -r -f -a "strict\t'Nothing, unless --trust-realm names it'
warn\t'User and password, over verified https, with a warning'"
complete -c unlade -n "__fish_unlade_using_subcommand man" -l trust-realm -d 'A token server on another host that may see any login over https, unwarned; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l trust-host -d 'A host that may see the login when the registry redirects there over https; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l ca-file -d 'Trust this certificate authority, or this very certificate, beside the system\'s; may be repeated' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand man" -l cert-file -d 'A client certificate for the registry, with --key-file' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand man" -l key-file -d 'The private key of the client certificate' -r -F
complete -c unlade -n "__fish_unlade_using_subcommand man" -l tls-min -d 'The lowest version of TLS that is spoken' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c unlade -n "__fish_unlade_using_subcommand man" -l plain-http -d 'Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]' -r -f -a "true\t''
false\t''"
complete -c unlade -n "__fish_unlade_using_subcommand man" -l proxy -d 'An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l allow-net -d 'A private network into which servers may lead; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l mirror -d 'A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l connections -d 'How many connections to one host may bring blobs at the same time, at most 64' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l retries -d 'How often to try again without progress; 1 MiB of new bytes is progress' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l connect-timeout -d 'How long to wait for a connection, TLS included; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l response-timeout -d 'How long to wait for an answer to begin; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l stall-timeout -d 'How long a download may stand still; 0 for any time' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l min-rate -d 'A download slower than this counts as broken, in bytes a second; 0 for any rate' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l lock-timeout -d 'How long to wait for another unlade that fills the same file; 0 for not at all' -r
complete -c unlade -n "__fish_unlade_using_subcommand man" -l progress -d 'How to show progress, on stderr' -r -f -a "auto\t'A bar on a terminal, nothing elsewhere'
bar\t'A bar'
json\t'One JSON object a line, and nothing else'
none\t'No bar; notes are still made, unless --quiet is given'"
complete -c unlade -n "__fish_unlade_using_subcommand man" -l insecure-skip-tls-verify -d 'Believe whoever answers: no certificate is checked'
complete -c unlade -n "__fish_unlade_using_subcommand man" -l json -d 'Print one JSON document to stdout, also for a failure'
complete -c unlade -n "__fish_unlade_using_subcommand man" -s v -l verbose -d 'Say more on stderr; -vv tells of every request'
complete -c unlade -n "__fish_unlade_using_subcommand man" -s q -l quiet -d 'Say nothing but errors'
complete -c unlade -n "__fish_unlade_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "pull" -d 'Download the layers of an artifact into files, verified'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "pick" -d 'Say what a pull would take, and why'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "inspect" -d 'Show what a reference names: platforms, disk types, layers, sizes'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "manifest" -d 'Print a manifest or index, byte for byte'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "blob" -d 'Print a blob, verified at its end'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "digest" -d 'Print the digest that a reference resolves to'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "tags" -d 'List the tags of a repository'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "referrers" -d 'List what refers to a manifest: signatures, bills of materials and the like'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "serve" -d 'Serve image layouts as a read-only registry'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "completions" -d 'Print the script that completes command lines in a shell'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "man" -d 'Print the manual page of the command or of a verb'
complete -c unlade -n "__fish_unlade_using_subcommand help; and not __fish_seen_subcommand_from pull pick inspect manifest blob digest tags referrers serve completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
