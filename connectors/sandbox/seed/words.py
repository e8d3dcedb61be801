"""The words people and companies are made of. Accents and apostrophes are there on purpose."""

# ruff: noqa: SIM905, RUF001 (200 quoted names one a line would bury the lists; names keep their letters)

from __future__ import annotations

FIRST_NAMES = tuple(
    "Aaliyah Aarav Adam Agnieszka Ahmed Aiko Alejandro Alice Amara Amélie Amina Ana Andrés Anika "
    "Anne-Marie Anthony Antoine Aoife Arjun Ayşe Beatriz Benjamin Björn Camila Carlos Caroline "
    "Chen Chidi Chloé Christopher Clara Daniel David Deepika Diego Dmitri Elena Elif Emeka Emily "
    "Emma Eren Erik Fatima Felix Fernanda Finn Francesca François Gabriel Giulia Grace Hana "
    "Hannah Haruto Héctor Henrik Hiroshi Hugo Ibrahim Ifeoma Ines Ingrid Isabella Ivan Jack Jakub "
    "James Jana Jasmine Javier Jessica Ji-woo João Joanna John José Julia Kai Karim Katarzyna "
    "Kavya Kenji Kwame Lars Laura Léa Leila Leon Liam Lin Lucas Lucía Luís Maja Malik Manuel María "
    "Mark Marta Mateo Matthew Mei Mia Michael Miguel Min-jun Mohammed Nadia Natalia Neha Nia "
    "Nicolás Nikhil Noah Nuria Olga Oliver Oluwaseun Omar Pablo Patrick Paula Pedro Petra Priya "
    "Rafael Rahul Renée Ricardo Robert Rohan Sakura Samuel Sara Sebastián Siobhán Sofía Stefan "
    "Svetlana Tariq Thandiwe Thiago Thomas Tomáš Valentina Viktor Wei William Xin Yara Yuki Yusuf "
    "Zainab Zoë".split()
)
LAST_NAMES = tuple(
    "Abbas Adeyemi Ahmed Ali Almeida Andersen Andersson Arslan Bakker Banerjee Bauer Becker "
    "Bianchi Brown Campbell Carter Castro Chatterjee Chen Cohen Colombo Costa Cruz Da-Silva Davies "
    "Demir Diallo Díaz Dubois Edwards Eriksson Evans Fernández Ferrari Fischer Flores Fournier "
    "Garcia García Gomes González Green Grujić Gupta Haddad Hall Hansen Hernández Hoffmann Horvat "
    "Huang Hughes Hussein Ito Iyer Jackson Jansen Johansson Johnson Jones Kaya Khan Kim King "
    "Kobayashi Kowalski Kumar Lambert Larsen Lee Leroy Lewis Li Lim Liu Lopes López Marino Martin "
    "Martínez Mbeki Mehta Mendoza Meyer Miller Mishra Mohamed Moore Moreau Moreno Müller Murphy "
    "Nakamura Nguyen Nielsen Nkosi Novák O'Brien O'Connor Okafor Okonkwo Oliveira Olsen Ortiz "
    "Osei Owusu Özdemir Park Patel Pereira Pérez Petrov Popescu Ramírez Rao Reyes Ricci Rivera "
    "Rodrigues Rodríguez Romano Rossi Roy Ruiz Sánchez Santos Sato Schmidt Schneider Schulz Sharma "
    "Silva Singh Smith Sousa Suzuki Svensson Takahashi Tan Tanaka Taylor Thomas Torres Tran Usman "
    "Van-Dijk Vargas Vasquez Verma Vogel Wagner Walker Wang Weber White Williams Wilson Wong "
    "Wright Wu Yamamoto Yang Yılmaz Young Zhang Zhao Zimmermann".split()
)
COUNTRIES = (
    *("United States",) * 6,
    *("India",) * 4,
    *("Germany", "United Kingdom", "Brazil", "France") * 2,
    *("Canada", "China", "Japan", "Spain", "Italy", "Netherlands", "Poland", "Australia"),
    *("Mexico", "Argentina", "Colombia", "Chile", "Peru", "Nigeria", "Kenya", "South Africa"),
    *("Egypt", "Morocco", "Türkiye", "Israel", "Saudi Arabia", "Pakistan", "Bangladesh"),
    *("Indonesia", "Vietnam", "Philippines", "Malaysia", "Singapore", "Korea, Republic of"),
    *("Taiwan", "Ukraine", "Romania", "Czechia", "Hungary", "Austria", "Switzerland", "Belgium"),
    *("Sweden", "Norway", "Denmark", "Finland", "Ireland", "Portugal", "Greece", "Côte d'Ivoire"),
)
COMPANY_FIRSTS = tuple(
    "Acorn Alder Amber Anchor Arbor Atlas Aurora Beacon Birch Blue Bright Canyon Cedar Cinder "
    "Clear Cobalt Copper Coral Crest Delta Ember Evergreen Falcon Fern Field Flint Forge Glacier "
    "Granite Harbor Hazel Helio Hollow Indigo Iron Ivory Jade Juniper Keystone Lantern Lark Linden "
    "Lumen Maple Meridian Mesa Mint North Nova Oak Ocean Onyx Orchard Osprey Pebble Pine Pioneer "
    "Polar Prairie Quarry Quartz Raven Ridge River Rowan Saffron Sage Sierra Silver Slate Solar "
    "Spruce Stone Summit Swift Tidal Timber Topaz Umber Valley Vertex Violet Willow Zephyr".split()
)
COMPANY_SECONDS = (
    *("Analytics", "Biotech", "Capital", "Cloud", "Consulting", "Data", "Design", "Digital"),
    *("Dynamics", "Energy", "Foods", "Games", "Health", "Insurance", "Labs", "Logistics", "Media"),
    *("Mobility", "Networks", "Payments", "Pharma", "Retail", "Robotics", "Security", "Software"),
    *("Space", "Studios", "Systems", "Telecom", "University", "Works", "& Sons", "Solutions"),
)
COMPANY_FORMS = ("", "", "", "", " Inc.", " GmbH", " Ltd", " LLC", " S.A.", " B.V.", " Pty Ltd")
JOB_TITLES = (
    *("Software Engineer", "Senior Software Engineer", "Staff Engineer", "Engineering Manager"),
    *("DevOps Engineer", "Site Reliability Engineer", "Platform Engineer", "Data Engineer"),
    *("Data Scientist", "Machine Learning Engineer", "Product Manager", "Product Owner"),
    *("Project Manager", "Scrum Master", "QA Engineer", "Test Automation Lead", "UX Designer"),
    *("Security Engineer", "Application Security Lead", "Solution Architect", "IT Administrator"),
    *("Systems Engineer", "Cloud Architect", "CTO", "CEO & Founder", "VP Engineering"),
    *("Director of Engineering", "Head of Platform", "Technical Lead", "Consultant", "Student"),
    *("Professor", "Researcher", "Freelancer", "Frontend Developer", "Backend Developer"),
    *("Mobile Developer", "Embedded Engineer", "Game Developer", "Technical Writer", "Intern"),
)
# Names nobody can own (RFC 2606), so that no mail can ever reach a real person.
EMAIL_DOMAINS = (
    *("example.com",) * 4,
    *("example.org", "example.net", "mail.example.com", "corp.example.com", "dev.example.org"),
    *("students.example.net", "eu.example.com", "team.example.org"),
)
