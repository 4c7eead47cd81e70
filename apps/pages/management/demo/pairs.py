"""Twenty-four prompts with two answers each, written for this demo."""

from typing import NamedTuple


class Pair(NamedTuple):
    """Which of the two is better is for the reader to say."""

    prompt: str
    a: str
    b: str


PAIRS: tuple[Pair, ...] = (
    Pair(
        "How do I keep cut basil fresh for a few days?",
        "Stand the stems in a glass with two fingers of water, like flowers, and leave it on the "
        "counter. Change the water every other day. The fridge turns the leaves black.",
        "Put it into the coldest part of the fridge, wet, in a closed bag.",
    ),
    Pair(
        "My bicycle squeaks when I pedal uphill. Where should I look first?",
        "Bicycles make noises. If it bothers you, listen to music.",
        "Start with the chain: wipe it, put one drop of oil on each link, and wipe again. If it "
        "still squeaks, check that the pedals are screwed in tightly and then the saddle clamp.",
    ),
    Pair(
        "Explain compound interest to a twelve-year-old.",
        "You put ten coins into a jar and each year somebody adds one coin for every ten in it. "
        "The second year you get coins for the added coins too, so it fills faster and faster.",
        "Compound interest is the exponential accrual of yield on principal and prior yield, "
        "A = P(1 + r/n)^(nt).",
    ),
    Pair(
        "Write one sentence to thank a neighbour who watered my plants.",
        "Thank you for looking after the plants; they look better than when I left them.",
        "I hereby acknowledge receipt of horticultural services rendered in my absence.",
    ),
    Pair(
        "What is the difference between weather and climate?",
        "Weather is what the sky does today; climate is what it usually does there at this time "
        "of the year, seen over decades.",
        "They are two words for the same thing, climate is just the scientific one.",
    ),
    Pair(
        "I have half an hour and no equipment. Suggest a workout.",
        "Five minutes of brisk walking on the spot, then four rounds of ten squats, ten push-ups "
        "against a table, a half-minute plank and a minute of rest. Finish with slow stretches.",
        "Run as fast as you can for thirty minutes without a break, and do not stop if it hurts.",
    ),
    Pair(
        "Summarize in one line: 'The library closes at six on weekdays, at two on Saturdays, and "
        "stays shut on Sundays.'",
        "The library has opening hours that depend on several factors.",
        "Weekdays until six, Saturdays until two, closed on Sundays.",
    ),
    Pair(
        "How can I tell whether an egg is still good?",
        "Lay it in a bowl of cold water. If it lies flat it is fresh, if it stands on end use it "
        "soon and cook it through, if it floats throw it away.",
        "Look at the colour of the shell: brown eggs keep longer than white ones.",
    ),
    Pair(
        "Give me a name for a small bakery near a harbour.",
        "Bakery.",
        "The Morning Tide.",
    ),
    Pair(
        "How do I ask my manager for a day at home each week?",
        "Name the day and what you would do on it, say how people reach you, and offer to try it "
        "for six weeks and look at the results together.",
        "Tell them that everybody else does it and that you will leave otherwise.",
    ),
    Pair(
        "Why do leaves change colour in autumn?",
        "Trees paint them so that birds know that winter is coming.",
        "The tree stops making green chlorophyll and takes it back in. Yellow pigments that were "
        "there all summer show, and some trees make red ones on sunny, cold days.",
    ),
    Pair(
        "Turn this into a polite reply: 'No, I will not come to your party.'",
        "Thank you for the invitation. I cannot make it this time, but I hope you have a lovely "
        "evening.",
        "I will not come to your party, thank you.",
    ),
    Pair(
        "What should I pack for two days in the mountains in May?",
        "A rain jacket, a warm layer, a hat and sunscreen, sturdy shoes, a litre and a half of "
        "water, food for one more meal than planned, a map and a torch. Nights are still cold.",
        "Shorts, sandals and a towel; it is nearly summer.",
    ),
    Pair(
        "Is it all right to feed bread to ducks?",
        "A little does no harm, but bread has few nutrients and rots in the water. Thawed peas, "
        "oats or chopped lettuce are better, and only as much as they eat at once.",
        "Yes, ducks eat nothing else.",
    ),
    Pair(
        "Correct the sentence: 'Me and him goes to school by feet.'",
        "He and me go to school on feet.",
        "He and I go to school on foot.",
    ),
    Pair(
        "How long do I boil potatoes?",
        "It depends.",
        "About twenty minutes for medium ones, in salted water at a simmer. They are done when a "
        "knife slides out without lifting the potato.",
    ),
    Pair(
        "What is a good way to remember people's names?",
        "Say the name back when you hear it, use it once more in the talk, and link it to "
        "something you see. Write it down afterwards.",
        "Call everybody 'my friend', then you need no names.",
    ),
    Pair(
        "Describe the taste of a lemon in one sentence.",
        "A bright sourness that tightens the cheeks, with a little bitterness from the peel and "
        "sweetness a moment later.",
        "It is sour.",
    ),
    Pair(
        "My house plant has yellow leaves. What now?",
        "Buy a new one.",
        "Feel the soil two fingers deep. If it is wet, let it dry and empty the saucer; too much "
        "water is the usual reason. If it is dry, water it well. Old leaves at the bottom may "
        "simply be at the end of their life.",
    ),
    Pair(
        "Plan a cheap day out with two children on a rainy Saturday.",
        "Go to the library in the morning and let each choose a book, take sandwiches to the "
        "station and watch the trains, then bake biscuits at home and read.",
        "Take them to an amusement park; tickets, food and rides will fill the day.",
    ),
    Pair(
        "What does 'to break even' mean?",
        "To earn exactly as much as was spent, with neither profit nor loss.",
        "To break something into equal parts.",
    ),
    Pair(
        "How do I stop a door from slamming in the wind?",
        "Lock it for good.",
        "Put a wedge under it while the windows are open. For good, stick felt pads on the frame "
        "or fit a door closer, and see whether the hinges have come loose.",
    ),
    Pair(
        "Write a two-line poem about the first snow.",
        "It snowed and snowed and snowed and snowed,\nand then there was snow upon the road.",
        "The street forgot its noise last night;\nit woke up in a coat of white.",
    ),
    Pair(
        "Which is larger, a third or three eighths?",
        "Three eighths: put both over twenty-four, and it is nine against eight.",
        "A third, because three is smaller than eight.",
    ),
)
