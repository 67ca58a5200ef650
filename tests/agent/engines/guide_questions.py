"""Questions to herd-guide as people may write them: none of them is in its training text."""

HELLO = (
    "Hello there, little one",
    "Hiii!",
    "hey hey, anybody home?",
    "Good afternoon to all of you",
    "Hello? Anybody in there?",
    "Hi, first time here, hello from Oslo",
    "heyyy",
)
WHO = (
    "Hello you! Tell me, who are you?",
    "Hi. So what are you exactly?",
    "What do people call you?",
    "who is it that I am talking to",
    "Am I chatting with a machine or a person?",
    "which language model do I have in front of me",
    "Give me a short introduction of yourself.",
    "AND WHO ON EARTH MIGHT YOU BE",
    "waht are you",
)
HERD = (
    "And what would herd be?",
    "What's the job of this herd program?",
    "I keep hearing about herd. What is it?",
    "Herd - what does it bring me?",
    "Explain herd like I'm five",
    "In two sentences: what is herd?",
    "for what reason do people install herd",
)
ADD_MACHINE = (
    "How do I get a second computer into this?",
    "I've got a spare laptop. How can it join the fleet?",
    "how do i hook my desktop up to herd",
    "What do I need to run on another machine so that it joins?",
    "extend the fleet by one node",
    "Good morning! My colleague's server should be part of our fleet, what do I do?",
    "Our lab got six new workstations. How do they become nodes?",
    "how to add anothr machin",
    "Which command makes my mac mini part of the herd?",
)
PULL = (
    "How do I get hold of a real model?",
    "From where can I download a bigger model?",
    "i want to pull llama3.2 - how?",
    "Can you show me the command to download a model",
    "What's the way to install qwen here?",
    "how to pul a model",
    "I need a much smarter model than you. How do I get one?",
    "please tell me how to pull an actual LLM",
)
UNKNOWN = (
    "Which city is the capital of France?",
    "Write a Python function that computes the fibonacci numbers.",
    "Bananas are curved. What is the reason?",
    "I have 12 boxes of 34 eggs. How many eggs is that?",
    "Do you have instructions for baking a chocolate cake?",
    "Who won the world cup in 2018?",
    "Can you translate 'good night' to Spanish?",
    "explain the theory of relativity to me",
    "How do I train for a marathon?",
    "A poem about the ocean, please",
    "my neighbour plays loud music, how do I complain",
)
FACTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "hello": (HELLO, ("Hello", "herd")),
    "who": (WHO, ("herd-guide", "model")),
    "herd": (HERD, ("herd", "machine", "calls")),
    "add_machine": (ADD_MACHINE, ("herd-node", "--router-url", "11435")),
    "pull": (PULL, ("ollama pull llama3.2",)),
    "unknown": (UNKNOWN, ("too small", "ollama pull")),
}
"""For each intent questions, and what each answer must contain."""
